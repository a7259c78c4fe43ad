"""The annotated settings file that `connector simulator --example` prints. A commented key shows its default.

tests/cli/test_simulator.py holds it against the settings: every key stands here, and every default is right.
"""

from typing import Final

EXAMPLE: Final = """\
# Settings of the gateway's simulator. Every setting is here; a commented one shows its default.

# Where it listens. Port 0 takes a free port; null (backup ports only) does not listen.
# host: 127.0.0.1
port: 2775
# backup_port: 0
# With `tls` there are TLS listeners as well.
# tls_port: 0
# backup_tls_port: 0
# tls:
#   cert_file: gateway.pem
#   key_file: gateway.key
#   client_ca_file: clients.pem   # clients must show a certificate of this authority

# Who may bind. speed: submit_sm a second over all binds of the login. single, iso: as if system_type said SINGLE, ISO.
# The largest MCON number granted is most_binds; over_most says whether to kick the oldest bind or refuse the new one.
accounts:
  - system_id: demo
    password: demo
    # speed: 30
    # single: false
    # iso: false
    # most_binds: 9
    # over_most: kick

# What it calls itself, and the seed of everything drawn by chance.
# system_id: GATEWAY
# seed: 1

# The access list: networks that may connect (null: all), and what a stranger gets: close or refuse.
# allowed_networks: null
# stranger: close
# How a bind ends that a newer one replaces: close or unbind.
# kick: close

# What a bind in SMPP 5.0 gets: taken, taken_as_3_4, refused (with version_5_status), silent or closed.
# congestion: on such a bind every answer to a submit_sm tells how near the login is to its speed.
# version_5: taken
# version_5_status: 13
# congestion: false

# Times in seconds. null for idle_timeout never cuts; null for enquire_interval never asks.
# idle_timeout: 120.0
# bind_timeout: 30.0
# enquire_interval: null
# deliver_timeout: 60.0
# deliver_window: 300
# deliver_retry: 5.0
# Requests of one bind without a response, at most (null: any number); beyond it pending_status (20 is ESME_RMSGQFUL).
# most_pending: null
# pending_status: 20

# Throttling: whether a throttled request counts against the speed too, and its status (88 is ESME_RTHROTTLED).
# throttled_count: false
# throttle_status: 88

# Identical requests within `window` seconds are rejected with `status`. scope: login, host or bind.
# duplicates:
#   enabled: true
#   window: 60.0
#   status: 69
#   scope: login
#   throttled_arm: false     # a throttled request makes the next one a repeat
#   refused_arm: false       # so does a refused one
#   rejected_extend: false   # a rejected repeat begins the minute anew
#   ignores: []              # of source, data_coding, esm_class, concatenation

# More than `limit` messages to one number with gaps under `gap` seconds are blocked, as a receipt or as a refusal.
# flood:
#   enabled: true
#   limit: 50
#   gap: 30.0
#   blocked_as: receipt
#   status: 254
#   blocked_extend: true

# All parts of a message within so many seconds; late: refusal, receipt or refusal_and_receipt.
# parts:
#   enabled: true
#   within: 60.0
#   late: refusal_and_receipt
#   status: 254

# Message ids and receipts. id_form: decimal, padded, hex_lower, hex_upper, long or empty. Where first_message_id is
# left out, `connector simulator` begins at a number made of the clock, so that no id comes twice.
# message_payload: true
# echo_user_message_reference: false
# first_message_id: 854019
# id_form: decimal
# receipt_utc_offset_minutes: 0
# receipt_seconds: false
# remembered_messages: 200000

# What is kept: counts, or full (every PDU, in memory; for tests). file: one JSON object a line.
record:
  keep: counts
  # file: null
  # flush_interval: 0.25

# The play: what goes wrong, and what becomes of messages. Rules are tried in order, the first that fires decides.
# script:
#   receipts: {delay: 0.05, state: DELIVRD, error: 0}              # `send: false`: none, only query_sm tells
#   submits:
#     - {when: {share: 0.05}, status: 0x58}                        # 5 % are throttled
#     - {when: {destination: "7999*1"}, reply: {reply: silent}}    # no response, ever
#     - {when: {destination: "7999*2"}, receipts: {state: UNDELIV, error: 1}}
#     - {when: {kind: HLR}, receipts: {hlr: {rcn: Poland, rnet: Example, msc: ""}}}
#     - {when: {kind: EMAIL}, receipts: {state: UNDELIV, error: 2}}  # the mailbox is full
#     - when: {source: Bank}                                       # delivered, read after a minute, the link clicked
#       receipts:
#         template: authorization                                  # or service, transactional, advertising
#         second_balance: true
#         cost: "0.25"                                             # and mccmnc, type: else made of the message
#         copies: 2
#         jitter: 3.0                                              # up to so many seconds more, drawn
#         route: other                                             # submitter, any: the bind it comes on
#         id_form: hex_lower                                       # else that of the responses
#         form: text_only                                          # tlvs_only, payload, contradicting, garbled, ...
#         follow_ups: [{after: 60, additional_status: 2}, {after: 90, additional_status: 4}]
#   inquiries:
#     - {command: cancel_sm, when: {share: 0.5}, answer: silent}   # done, and not answered; query_sm, replace_sm too
#   inbound:
#     - {login: demo, source: "79990000001", destination: Shop, text: "Yes, please"}
#     - {login: demo, source: "79990000001", destination: Shop, octets: "00ff", data_coding: 4, carrier: data_sm}
#     - {login: demo, source: "79990000001", destination: Shop, text: "ok", type: user_ack}   # or delivery_ack
#     - login: demo
#       source: "79990000001"
#       destination: Shop
#       text: "So long that it takes several parts ..."
#       alphabet: UCS2                                           # GSM, LATIN1; left out: the shortest
#       concatenation: udh16                                     # udh8, sar, payload
#       order: shuffled                                          # forward, backward
#       missing: [2]
#       repeated: [1]
#       at: 10
#       every: 60
#       times: 5
#   binds:
#     - {when: {limit: 1}, status: 0x05}                           # the first bind is "already bound"
#   connections:
#     - {when: {limit: 1}, close: true}                            # the first connection is closed at once
#   steps:
#     - {at: 30, action: unbind, every: 60}                        # every minute it asks its clients to go
"""
