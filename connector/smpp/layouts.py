"""Which fields make which PDU: the syntax tables of SMPP 3.4 chapter 4 and of 5.0 for the broadcast operations.

Rule: the fields of a row are the attributes of its class, in order, without `tlvs`, which every PDU may end with.
(3.4 gives optional parameters to some PDUs only; reading them everywhere costs nothing and loses nothing.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from connector.smpp import bodies
from connector.smpp.bodies import Body
from connector.smpp.constants import CommandId, CommandStatus
from connector.smpp.fields import CString, Destinations, Failures, Field, Int, Text


@dataclass(frozen=True, slots=True)
class Layout:
    """One PDU kind. `bare` says when its body may be left out altogether:

    on an error by the specification's own note (and then we leave it out too), and on success because peers do.
    """

    command: CommandId
    body: type[Body]
    fields: tuple[Field, ...] = ()
    bare_on_error: bool = False
    bare_on_success: bool = False


# A destination may be an e-mail address, longer than the specification's 20 characters (gateway.md); that only an
# e-mail may be so long is the domain's rule. data_sm and alert_notification have 64 in the specification already.
_ADDRESS_SIZE: Final = 255

_SERVICE_TYPE: Final = CString("service_type", 6, CommandStatus.ESME_RINVSERTYP)
_SYSTEM_ID: Final = CString("system_id", 16, CommandStatus.ESME_RINVSYSID)
# The specification says 9 octets; gateways give out longer passwords and take them.
_PASSWORD: Final = CString("password", 65, CommandStatus.ESME_RINVPASWD)
# The specification says 65 octets; gateways give out longer ids, and are asked by them afterwards.
_MESSAGE_ID: Final = CString("message_id", 255, CommandStatus.ESME_RINVMSGID)
_SCHEDULE: Final = CString("schedule_delivery_time", 17, CommandStatus.ESME_RINVSCHED)
_VALIDITY: Final = CString("validity_period", 17, CommandStatus.ESME_RINVEXPIRY)
_SOURCE: Final = (
    Int("source_addr_ton"),
    Int("source_addr_npi"),
    CString("source_addr", _ADDRESS_SIZE, CommandStatus.ESME_RINVSRCADR),
)
_DESTINATION: Final = (
    Int("dest_addr_ton"),
    Int("dest_addr_npi"),
    CString("destination_addr", _ADDRESS_SIZE, CommandStatus.ESME_RINVDSTADR),
)
_BIND: Final[tuple[Field, ...]] = (
    _SYSTEM_ID,
    _PASSWORD,
    # 12 characters in the specification; "ISO,SINGLE,MCON3" has 16 and is sent as configured (gateway.md).
    CString("system_type", 65, CommandStatus.ESME_RINVSYSTYP),
    Int("interface_version"),
    Int("addr_ton"),
    Int("addr_npi"),
    CString("address_range", 41),
)
_HOW: Final[tuple[Field, ...]] = (
    Int("esm_class"),
    Int("protocol_id"),
    Int("priority_flag"),
    _SCHEDULE,
    _VALIDITY,
    Int("registered_delivery"),
    Int("replace_if_present_flag"),
    Int("data_coding"),
    Int("sm_default_msg_id"),
    Text(),
)
_MESSAGE: Final[tuple[Field, ...]] = (_SERVICE_TYPE, *_SOURCE, *_DESTINATION, *_HOW)

_ROWS: Final = (
    Layout(CommandId.BIND_TRANSMITTER, bodies.BindTransmitter, _BIND),
    Layout(CommandId.BIND_RECEIVER, bodies.BindReceiver, _BIND),
    Layout(CommandId.BIND_TRANSCEIVER, bodies.BindTransceiver, _BIND),
    Layout(CommandId.BIND_TRANSMITTER_RESP, bodies.BindTransmitterResp, (_SYSTEM_ID,), bare_on_error=True),
    Layout(CommandId.BIND_RECEIVER_RESP, bodies.BindReceiverResp, (_SYSTEM_ID,), bare_on_error=True),
    Layout(CommandId.BIND_TRANSCEIVER_RESP, bodies.BindTransceiverResp, (_SYSTEM_ID,), bare_on_error=True),
    Layout(CommandId.OUTBIND, bodies.Outbind, (_SYSTEM_ID, _PASSWORD)),
    Layout(CommandId.UNBIND, bodies.Unbind),
    Layout(CommandId.UNBIND_RESP, bodies.UnbindResp),
    Layout(CommandId.ENQUIRE_LINK, bodies.EnquireLink),
    Layout(CommandId.ENQUIRE_LINK_RESP, bodies.EnquireLinkResp),
    Layout(CommandId.GENERIC_NACK, bodies.GenericNack),
    Layout(CommandId.SUBMIT_SM, bodies.SubmitSm, _MESSAGE),
    Layout(CommandId.SUBMIT_SM_RESP, bodies.SubmitSmResp, (_MESSAGE_ID,), bare_on_error=True),
    Layout(CommandId.DELIVER_SM, bodies.DeliverSm, _MESSAGE),
    Layout(CommandId.DELIVER_SM_RESP, bodies.DeliverSmResp, (_MESSAGE_ID,), bare_on_success=True),
    Layout(
        CommandId.DATA_SM,
        bodies.DataSm,
        (
            _SERVICE_TYPE,
            *_SOURCE,
            *_DESTINATION,
            Int("esm_class"),
            Int("registered_delivery"),
            Int("data_coding"),
        ),
    ),
    Layout(CommandId.DATA_SM_RESP, bodies.DataSmResp, (_MESSAGE_ID,)),
    Layout(CommandId.SUBMIT_MULTI, bodies.SubmitMulti, (_SERVICE_TYPE, *_SOURCE, Destinations(), *_HOW)),
    Layout(CommandId.SUBMIT_MULTI_RESP, bodies.SubmitMultiResp, (_MESSAGE_ID, Failures()), bare_on_error=True),
    Layout(CommandId.QUERY_SM, bodies.QuerySm, (_MESSAGE_ID, *_SOURCE)),
    Layout(
        CommandId.QUERY_SM_RESP,
        bodies.QuerySmResp,
        (_MESSAGE_ID, CString("final_date", 17), Int("message_state"), Int("error_code")),
        bare_on_error=True,
    ),
    Layout(CommandId.CANCEL_SM, bodies.CancelSm, (_SERVICE_TYPE, _MESSAGE_ID, *_SOURCE, *_DESTINATION)),
    Layout(CommandId.CANCEL_SM_RESP, bodies.CancelSmResp),
    Layout(
        CommandId.REPLACE_SM,
        bodies.ReplaceSm,
        (
            _MESSAGE_ID,
            *_SOURCE,
            _SCHEDULE,
            _VALIDITY,
            Int("registered_delivery"),
            Int("sm_default_msg_id"),
            Text(),
        ),
    ),
    Layout(CommandId.REPLACE_SM_RESP, bodies.ReplaceSmResp),
    Layout(
        CommandId.ALERT_NOTIFICATION,
        bodies.AlertNotification,
        (*_SOURCE, Int("esme_addr_ton"), Int("esme_addr_npi"), CString("esme_addr", _ADDRESS_SIZE)),
    ),
    Layout(
        CommandId.BROADCAST_SM,
        bodies.BroadcastSm,
        (
            _SERVICE_TYPE,
            *_SOURCE,
            _MESSAGE_ID,
            Int("priority_flag"),
            _SCHEDULE,
            _VALIDITY,
            Int("replace_if_present_flag"),
            Int("data_coding"),
            Int("sm_default_msg_id"),
        ),
    ),
    Layout(CommandId.BROADCAST_SM_RESP, bodies.BroadcastSmResp, (_MESSAGE_ID,), bare_on_error=True),
    Layout(CommandId.QUERY_BROADCAST_SM, bodies.QueryBroadcastSm, (_MESSAGE_ID, *_SOURCE)),
    Layout(CommandId.QUERY_BROADCAST_SM_RESP, bodies.QueryBroadcastSmResp, (_MESSAGE_ID,), bare_on_error=True),
    Layout(CommandId.CANCEL_BROADCAST_SM, bodies.CancelBroadcastSm, (_SERVICE_TYPE, _MESSAGE_ID, *_SOURCE)),
    Layout(CommandId.CANCEL_BROADCAST_SM_RESP, bodies.CancelBroadcastSmResp),
)

LAYOUTS: Final[Mapping[int, Layout]] = MappingProxyType({int(row.command): row for row in _ROWS})
COMMAND_OF: Final[Mapping[type[Body], int]] = MappingProxyType({row.body: int(row.command) for row in _ROWS})
"""The command_id of a class; UnknownPdu carries its own."""
