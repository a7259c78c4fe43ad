"""The PDUs as values: one class per kind, attributes named as in the specification, in the order of the wire.

Rule: a body is a value. It is keyword-only and frozen to the type checker; at run time it is a plain slotted class,
because a frozen dataclass takes eight times as long to build (`python -m tests.bench.codec`), and nobody here assigns
to one. Addresses, ids and times are `str` (latin-1, one octet a character), texts `bytes`; `tlvs` are raw and in wire
order. The `repr` shows sizes instead of what may belong to a subscriber. The octets are written and read in `pdu`.
"""

from dataclasses import dataclass, field, fields
from typing import Final, NamedTuple, TypeVar, dataclass_transform

from connector.smpp.constants import VERSION_3_4
from connector.smpp.tlv import Tlvs, tag_name

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def value(cls: type[_T]) -> type[_T]:
    """Make a class a slotted value, compared and hashed by its fields. Fields of one class only are equal."""
    return dataclass(slots=True, unsafe_hash=True, repr=False)(cls)


class Header(NamedTuple):
    """The sixteen octets before every body (3.4: 3.2). `length` counts them."""

    length: int
    command_id: int
    status: int
    sequence: int


_PRIVATE: Final = frozenset(
    (
        "password",
        "source_addr",
        "destination_addr",
        "esme_addr",
        "short_message",
        "body",
        "dest_address",
        "unsuccess_sme",
        "frame",
    )
)


class Shown:
    """A repr without addresses, texts and passwords."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = []
        for each in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass through `value`
            content = getattr(self, each.name)
            if content == each.default:
                continue
            if each.name == "password":
                shown.append("password=<hidden>")
            elif each.name == "tlvs":
                shown.append("tlvs=<" + " ".join(f"{tag_name(tag)}:{len(octets)}" for tag, octets in content) + ">")
            elif each.name in _PRIVATE and isinstance(content, str | bytes | tuple):
                shown.append(f"{each.name}=<{len(content)}>")
            else:
                shown.append(f"{each.name}={content!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


@value
class BindTransmitter(Shown):
    """3.4: 4.1.1."""

    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = VERSION_3_4
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""
    tlvs: Tlvs = ()


@value
class BindReceiver(Shown):
    """3.4: 4.1.3."""

    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = VERSION_3_4
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""
    tlvs: Tlvs = ()


@value
class BindTransceiver(Shown):
    """3.4: 4.1.5."""

    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = VERSION_3_4
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""
    tlvs: Tlvs = ()


@value
class BindTransmitterResp(Shown):
    """3.4: 4.1.2. `system_id` is the server's."""

    system_id: str = ""
    tlvs: Tlvs = ()


@value
class BindReceiverResp(Shown):
    """3.4: 4.1.4."""

    system_id: str = ""
    tlvs: Tlvs = ()


@value
class BindTransceiverResp(Shown):
    """3.4: 4.1.6."""

    system_id: str = ""
    tlvs: Tlvs = ()


@value
class Outbind(Shown):
    """3.4: 4.1.7. The server asks to be bound to; it has no response."""

    system_id: str = ""
    password: str = ""
    tlvs: Tlvs = ()


@value
class Unbind(Shown):
    """3.4: 4.2.1."""

    tlvs: Tlvs = ()


@value
class UnbindResp(Shown):
    """3.4: 4.2.2."""

    tlvs: Tlvs = ()


@value
class EnquireLink(Shown):
    """3.4: 4.11.1."""

    tlvs: Tlvs = ()


@value
class EnquireLinkResp(Shown):
    """3.4: 4.11.2."""

    tlvs: Tlvs = ()


@value
class GenericNack(Shown):
    """3.4: 4.3.1. The reason is the header's status."""

    tlvs: Tlvs = ()


@value
class SubmitSm(Shown):
    """3.4: 4.4.1. sm_length is the size of `short_message`, at most 255."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()


@value
class SubmitSmResp(Shown):
    """3.4: 4.4.2."""

    message_id: str = ""
    tlvs: Tlvs = ()


@value
class DeliverSm(Shown):
    """3.4: 4.6.1: receipts and inbound messages, told apart by esm_class."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()


@value
class DeliverSmResp(Shown):
    """3.4: 4.6.2. `message_id` is unused and empty."""

    message_id: str = ""
    tlvs: Tlvs = ()


@value
class DataSm(Shown):
    """3.4: 4.7.1. The text is the message_payload parameter."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0
    tlvs: Tlvs = ()


@value
class DataSmResp(Shown):
    """3.4: 4.7.2."""

    message_id: str = ""
    tlvs: Tlvs = ()


@value
class SmeAddress(Shown):
    """One destination of submit_multi (dest_flag 1)."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


@value
class DistributionList(Shown):
    """One destination of submit_multi that names a list of the server's (dest_flag 2)."""

    dl_name: str = ""


@value
class UnsuccessSme(Shown):
    """One destination that submit_multi did not reach, and the command_status why."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    error_status_code: int = 0


@value
class SubmitMulti(Shown):
    """3.4: 4.5.1. number_of_dests is the size of `dest_address`, at most 255."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_address: tuple[SmeAddress | DistributionList, ...] = ()
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()


@value
class SubmitMultiResp(Shown):
    """3.4: 4.5.2. no_unsuccess is the size of `unsuccess_sme`."""

    message_id: str = ""
    unsuccess_sme: tuple[UnsuccessSme, ...] = ()
    tlvs: Tlvs = ()


@value
class QuerySm(Shown):
    """3.4: 4.8.1."""

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    tlvs: Tlvs = ()


@value
class QuerySmResp(Shown):
    """3.4: 4.8.2."""

    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0
    tlvs: Tlvs = ()


@value
class CancelSm(Shown):
    """3.4: 4.9.1."""

    service_type: str = ""
    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    tlvs: Tlvs = ()


@value
class CancelSmResp(Shown):
    """3.4: 4.9.2."""

    tlvs: Tlvs = ()


@value
class ReplaceSm(Shown):
    """3.4: 4.10.1."""

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()


@value
class ReplaceSmResp(Shown):
    """3.4: 4.10.2."""

    tlvs: Tlvs = ()


@value
class AlertNotification(Shown):
    """3.4: 4.12.1. It has no response."""

    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: str = ""
    tlvs: Tlvs = ()


@value
class BroadcastSm(Shown):
    """5.0: 4.4.1. The areas and the contents are parameters."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    message_id: str = ""
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    tlvs: Tlvs = ()


@value
class BroadcastSmResp(Shown):
    """5.0: 4.4.1."""

    message_id: str = ""
    tlvs: Tlvs = ()


@value
class QueryBroadcastSm(Shown):
    """5.0: 4.6.1."""

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    tlvs: Tlvs = ()


@value
class QueryBroadcastSmResp(Shown):
    """5.0: 4.6.1."""

    message_id: str = ""
    tlvs: Tlvs = ()


@value
class CancelBroadcastSm(Shown):
    """5.0: 4.6.2."""

    service_type: str = ""
    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    tlvs: Tlvs = ()


@value
class CancelBroadcastSmResp(Shown):
    """5.0: 4.6.2."""

    tlvs: Tlvs = ()


@value
class UnknownPdu(Shown):
    """A command the specification does not have: a vendor's, with its body unread."""

    command_id: int = 0
    body: bytes = b""


Bind = BindTransmitter | BindReceiver | BindTransceiver
BindResp = BindTransmitterResp | BindReceiverResp | BindTransceiverResp
Body = (
    Bind
    | BindResp
    | Outbind
    | Unbind
    | UnbindResp
    | EnquireLink
    | EnquireLinkResp
    | GenericNack
    | SubmitSm
    | SubmitSmResp
    | DeliverSm
    | DeliverSmResp
    | DataSm
    | DataSmResp
    | SubmitMulti
    | SubmitMultiResp
    | QuerySm
    | QuerySmResp
    | CancelSm
    | CancelSmResp
    | ReplaceSm
    | ReplaceSmResp
    | AlertNotification
    | BroadcastSm
    | BroadcastSmResp
    | QueryBroadcastSm
    | QueryBroadcastSmResp
    | CancelBroadcastSm
    | CancelBroadcastSmResp
    | UnknownPdu
)
