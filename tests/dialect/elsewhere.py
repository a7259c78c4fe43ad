"""Facts of the gateway's dialect that no single outbound event shows: each with the test that proves it."""

from typing import Final, NamedTuple


class Proof(NamedTuple):
    """A file below tests/, and a test in it; the whole file where none is named."""

    file: str
    test: str = ""


ELSEWHERE: Final = {
    "hosts and ports, primary and backup": Proof(
        "bind/test_settings.py",
        "test_the_gateways_own_hosts_and_ports_are_the_default",
    ),
    "backup host, and the return to the primary": Proof(
        "bind/test_failover.py",
        "test_the_bind_returns_to_the_primary_after_unbinding_at_a_quiet_moment",
    ),
    "TLS with a client certificate": Proof(
        "bind/test_tls.py",
        "test_a_client_certificate_is_shown",
    ),
    "transmitter and receiver pair": Proof(
        "bind/test_pairs.py",
        "test_a_pair_submits_on_one_and_receives_on_the_other",
    ),
    "receiver only": Proof(
        "bind/test_pairs.py",
        "test_a_receiver_alone_receives_and_takes_no_submits",
    ),
    "idle connections are cut after 120 s": Proof(
        "simulator/test_server.py",
        "test_an_idle_connection_is_cut_after_120_seconds",
    ),
    "window (max_pending_submits)": Proof(
        "simulator/test_gateway.py",
        "test_the_window_may_have_a_limit",
    ),
    "wait_ack_expire, 0 included": Proof(
        "smpp/test_session_time.py",
        "test_without_a_time_out_a_request_waits_for_ever",
    ),
    "credentials are printable ASCII": Proof(
        "bind/test_settings.py",
        "test_a_mistake_is_named_by_its_field_and_shows_no_value",
    ),
    "access list": Proof(
        "bind/test_refusals.py",
        "test_an_immediate_close_points_to_the_access_list",
    ),
    "alphanumeric sender of 11 characters": Proof(
        "domain/test_kinds.py",
        "test_what_cannot_be_sent_as_meant_is_refused",
    ),
    "system_type empty: a new bind ends the earlier one": Proof(
        "simulator/test_accounts.py",
        "test_a_new_bind_ends_the_earlier_one",
    ),
    "system_type MCON1 to MCON9": Proof(
        "simulator/test_accounts.py",
        "test_mcon_allows_so_many_and_ends_the_oldest",
    ),
    "system_type in any order and combination": Proof(
        "simulator/test_accounts.py",
        "test_parameters_stand_in_any_order",
    ),
    "several logins at once": Proof(
        "simulator/test_server.py",
        "test_several_logins_are_connected_at_once_and_their_receipts_stay_apart",
    ),
    "throttling above the speed, parts counted": Proof(
        "simulator/test_gateway.py",
        "test_the_speed_counts_parts_and_all_binds_of_the_login",
    ),
    "throttled messages are sent again, slower": Proof(
        "e2e/test_rates.py",
        "test_throttling_lowers_the_rate_and_every_message_keeps_its_place",
    ),
    "urgent ahead of a mailing": Proof(
        "e2e/test_dump.py",
        "test_an_urgent_event_overtakes_a_dump_at_the_entrance",
    ),
    "identical requests within a minute": Proof(
        "stages/test_slot_guards.py",
        "test_an_identical_message_is_reported_without_asking_the_gateway",
    ),
    "more than 50 messages to one subscriber (251)": Proof(
        "domain/test_guards.py",
        "test_the_gateway_finds_nothing_to_refuse_in_what_the_guards_let_through",
    ),
    "all parts within a minute (241)": Proof(
        "simulator/test_gateway.py",
        "test_parts_that_do_not_all_come_within_a_minute_end_with_241",
    ),
    "submit_multi is not implemented": Proof(
        "simulator/test_server.py",
        "test_submit_multi_is_not_implemented",
    ),
    "text that would become another kind is refused": Proof(
        "domain/test_kinds.py",
        "test_what_cannot_be_sent_as_meant_is_refused",
    ),
    "query_sm": Proof(
        "e2e/test_ancillary.py",
        "test_what_is_asked_about_an_earlier_message_has_an_outcome",
    ),
    "query_sm where a receipt does not come": Proof(
        "e2e/test_ancillary.py",
        "test_a_receipt_that_does_not_come_is_asked_for",
    ),
    "cancel_sm and replace_sm": Proof(
        "e2e/test_ancillary.py",
        "test_what_is_asked_about_an_earlier_message_has_an_outcome",
    ),
    "inbound messages in every alphabet, in deliver_sm or data_sm, whole, with UDH or with SAR TLVs": Proof(
        "e2e/test_inbound.py",
        "test_every_alphabet_comes_in_every_form",
    ),
    "inbound parts in any order, repeated, mixed under one reference": Proof(
        "e2e/test_inbound.py",
        "test_parts_come_together_whatever_their_order",
    ),
    "inbound messages that lack a part": Proof(
        "e2e/test_inbound.py",
        "test_what_lacks_a_part_is_told_when_its_time_is_up",
    ),
    "inbound messages told apart by esm_class": Proof(
        "e2e/test_inbound.py",
        "test_an_acknowledgement_is_told_by_its_type",
    ),
    "SMPP 5.0 with fall-back to 3.4": Proof(
        "bind/test_versions.py",
        "test_where_5_0_is_turned_down_3_4_is_spoken_at_once_and_kept",
    ),
    "congestion_state lowers the rate": Proof(
        "stages/test_congestion.py",
        "test_a_gateway_that_tells_its_load_does_not_have_to_throttle",
    ),
    "message ids in decimal, hex, with zeros, in any case": Proof(
        "domain/test_ids.py",
    ),
}
