"""Every PDU kind as octets written by hand from the specification's tables, beside the value they mean.

Rule: the octets are never made by our own encoder; only command_length is counted here. Both directions, the session,
smpplib, smpp34 and tshark all read this one list.
"""

from struct import pack
from typing import NamedTuple

from connector.smpp.constants import CommandId, CommandStatus
from connector.smpp.pdu import (
    AlertNotification,
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    Body,
    BroadcastSm,
    BroadcastSmResp,
    CancelBroadcastSm,
    CancelBroadcastSmResp,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    QueryBroadcastSm,
    QueryBroadcastSmResp,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    UnknownPdu,
    UnsuccessSme,
)


class Vector(NamedTuple):
    """`frame` decodes to `body` with `status` and `sequence`, and `body` encodes to `frame`."""

    name: str
    frame: bytes
    body: Body
    status: int
    sequence: int


def _vector(name: str, command: int, octets: bytes, body: Body, status: int = 0, sequence: int = 7) -> Vector:
    return Vector(name, pack(">4I", 16 + len(octets), command, status, sequence) + octets, body, status, sequence)


RECEIPT = b"id:854019 sub:001 dlvrd:001 submit date:1108202241 done date:1108202241 stat:DELIVRD err:000"

VECTORS = [
    _vector(
        "bind_transceiver",
        CommandId.BIND_TRANSCEIVER,
        b"account\x00secret\x00ISO,MCON3\x00\x34\x00\x00\x00",
        BindTransceiver(system_id="account", password="secret", system_type="ISO,MCON3"),
    ),
    _vector(
        "bind_transmitter of 5.0",
        CommandId.BIND_TRANSMITTER,
        b"account\x00secret\x00\x00\x50\x01\x01^7999\x00",
        BindTransmitter(
            system_id="account",
            password="secret",
            interface_version=0x50,
            addr_ton=1,
            addr_npi=1,
            address_range="^7999",
        ),
    ),
    _vector(
        "bind_receiver, all empty",
        CommandId.BIND_RECEIVER,
        b"\x00\x00\x00\x34\x00\x00\x00",
        BindReceiver(),
        sequence=0x7FFFFFFF,
    ),
    _vector(
        "bind_transceiver_resp with its version",
        CommandId.BIND_TRANSCEIVER_RESP,
        b"gateway\x00\x02\x10\x00\x01\x34",
        BindTransceiverResp(system_id="gateway", tlvs=((0x0210, b"\x34"),)),
    ),
    _vector(
        "bind_transmitter_resp",
        CommandId.BIND_TRANSMITTER_RESP,
        b"gateway\x00",
        BindTransmitterResp(system_id="gateway"),
    ),
    _vector(
        "bind_receiver_resp refused, without a body",
        CommandId.BIND_RECEIVER_RESP,
        b"",
        BindReceiverResp(),
        status=CommandStatus.ESME_RINVPASWD,
    ),
    _vector("outbind", CommandId.OUTBIND, b"gateway\x00secret\x00", Outbind(system_id="gateway", password="secret")),
    _vector("unbind", CommandId.UNBIND, b"", Unbind()),
    _vector("unbind_resp", CommandId.UNBIND_RESP, b"", UnbindResp()),
    _vector("enquire_link", CommandId.ENQUIRE_LINK, b"", EnquireLink()),
    _vector("enquire_link_resp", CommandId.ENQUIRE_LINK_RESP, b"", EnquireLinkResp()),
    _vector(
        "generic_nack", CommandId.GENERIC_NACK, b"", GenericNack(), status=CommandStatus.ESME_RINVCMDID, sequence=0
    ),
    _vector(
        "submit_sm",
        CommandId.SUBMIT_SM,
        b"\x00\x05\x00SHOP\x00\x01\x0179990000001\x00\x00\x00\x00\x00000001000000000R\x00\x01\x00\x00\x00\x05Hello",
        SubmitSm(
            source_addr_ton=5,
            source_addr="SHOP",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="79990000001",
            validity_period="000001000000000R",
            registered_delivery=1,
            short_message=b"Hello",
        ),
    ),
    _vector(
        "submit_sm with every field its own value",
        CommandId.SUBMIT_SM,
        b"WAP\x00\x01\x02\x31\x00\x03\x04\x32\x00\x05\x06\x07s\x00v\x00\x08\x09\x0a\x0b\x02\xff\x00",
        SubmitSm(
            service_type="WAP",
            source_addr_ton=1,
            source_addr_npi=2,
            source_addr="1",
            dest_addr_ton=3,
            dest_addr_npi=4,
            destination_addr="2",
            esm_class=5,
            protocol_id=6,
            priority_flag=7,
            schedule_delivery_time="s",
            validity_period="v",
            registered_delivery=8,
            replace_if_present_flag=9,
            data_coding=10,
            sm_default_msg_id=11,
            short_message=b"\xff\x00",
        ),
    ),
    _vector(
        "submit_sm, a part by SAR and the text as message_payload",
        CommandId.SUBMIT_SM,
        b"\x00\x05\x00SHOP\x00\x01\x01"
        b"79990000001\x00\x00\x00\x00\x00\x00\x01\x00\x08\x00\x00"
        b"\x02\x0c\x00\x02\x12\x34\x02\x0e\x00\x01\x02\x02\x0f\x00\x01\x01\x04\x24\x00\x04\x04\x1f\x04\x40",
        SubmitSm(
            source_addr_ton=5,
            source_addr="SHOP",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="79990000001",
            registered_delivery=1,
            data_coding=8,
            tlvs=((0x020C, b"\x12\x34"), (0x020E, b"\x02"), (0x020F, b"\x01"), (0x0424, "Пр".encode("utf-16-be"))),
        ),
    ),
    _vector(
        "submit_sm to an e-mail address",
        CommandId.SUBMIT_SM,
        b"\x00\x00\x00\x00\x00\x00somebody.with.a.long.name@example.org\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01x",
        SubmitSm(destination_addr="somebody.with.a.long.name@example.org", short_message=b"x"),
    ),
    _vector(
        "submit_sm with 255 octets of text",
        CommandId.SUBMIT_SM,
        b"\x00\x00\x00\x00\x00\x00\x31\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\xff" + bytes(range(255)),
        SubmitSm(destination_addr="1", data_coding=4, short_message=bytes(range(255))),
    ),
    _vector("submit_sm_resp", CommandId.SUBMIT_SM_RESP, b"854019\x00", SubmitSmResp(message_id="854019")),
    _vector("submit_sm_resp with an empty id", CommandId.SUBMIT_SM_RESP, b"\x00", SubmitSmResp()),
    _vector(
        "submit_sm_resp throttled, without a body",
        CommandId.SUBMIT_SM_RESP,
        b"",
        SubmitSmResp(),
        status=CommandStatus.ESME_RTHROTTLED,
    ),
    _vector(
        "submit_sm_resp of 5.0 with a congestion state",
        CommandId.SUBMIT_SM_RESP,
        b"854019\x00\x04\x28\x00\x01\x5a",
        SubmitSmResp(message_id="854019", tlvs=((0x0428, b"\x5a"),)),
    ),
    _vector(
        "deliver_sm, a receipt with all the gateway's parameters",
        CommandId.DELIVER_SM,
        b"\x00\x01\x01"
        b"79990000001\x00\x05\x00SHOP\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x5c" + RECEIPT + b"\x00\x1e\x00\x07"
        b"854019\x00"
        b"\x04\x27\x00\x01\x02\x04\x23\x00\x03\x03\x00\x00\x20\x00\x00\x06"
        b"0.1234\x20\x01\x00\x02\x00\x20\x20\x02\x00\x02\x00\x01\x20\x03\x00\x05"
        b"25001"
        b"\x20\x04\x00\x02\x00\x02",
        DeliverSm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="79990000001",
            dest_addr_ton=5,
            destination_addr="SHOP",
            esm_class=4,
            short_message=RECEIPT,
            tlvs=(
                (0x001E, b"854019\x00"),
                (0x0427, b"\x02"),
                (0x0423, b"\x03\x00\x00"),
                (0x2000, b"0.1234"),
                (0x2001, b"\x00\x20"),
                (0x2002, b"\x00\x01"),
                (0x2003, b"25001"),
                (0x2004, b"\x00\x02"),
            ),
        ),
    ),
    _vector(
        "deliver_sm, an inbound part with a header in the text",
        CommandId.DELIVER_SM,
        b"\x00\x01\x0179990000001\x00\x01\x0115550100001\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00\x0b\x05\x00\x03\x2a\x02\x01Hello",
        DeliverSm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="79990000001",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="15550100001",
            esm_class=0x40,
            short_message=b"\x05\x00\x03\x2a\x02\x01Hello",
        ),
    ),
    _vector(
        "deliver_sm with an empty parameter, an unknown one and a repeated one",
        CommandId.DELIVER_SM,
        b"\x00\x00\x00\x31\x00\x00\x00\x32\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x13\x0c\x00\x00\x30\x01\x00\x01\xaa\x30\x01\x00\x02\xbb\xcc",
        DeliverSm(
            source_addr="1",
            destination_addr="2",
            tlvs=((0x130C, b""), (0x3001, b"\xaa"), (0x3001, b"\xbb\xcc")),
        ),
    ),
    _vector("deliver_sm_resp", CommandId.DELIVER_SM_RESP, b"\x00", DeliverSmResp()),
    _vector(
        "deliver_sm_resp of an error",
        CommandId.DELIVER_SM_RESP,
        b"\x00",
        DeliverSmResp(),
        status=CommandStatus.ESME_RX_T_APPN,
    ),
    _vector(
        "data_sm",
        CommandId.DATA_SM,
        b"\x00\x01\x0179990000001\x00\x05\x00SHOP\x00\x04\x01\x00\x00\x1e\x00\x04ab1\x00\x04\x24\x00\x02hi",
        DataSm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="79990000001",
            dest_addr_ton=5,
            destination_addr="SHOP",
            esm_class=4,
            registered_delivery=1,
            tlvs=((0x001E, b"ab1\x00"), (0x0424, b"hi")),
        ),
    ),
    _vector("data_sm_resp", CommandId.DATA_SM_RESP, b"ab1\x00", DataSmResp(message_id="ab1")),
    _vector(
        "submit_multi",
        CommandId.SUBMIT_MULTI,
        b"\x00\x05\x00SHOP\x00\x03\x01\x01\x0179990000001\x00\x02friends\x00\x01\x01\x0115550100001\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02hi",
        SubmitMulti(
            source_addr_ton=5,
            source_addr="SHOP",
            dest_address=(
                SmeAddress(dest_addr_ton=1, dest_addr_npi=1, destination_addr="79990000001"),
                DistributionList(dl_name="friends"),
                SmeAddress(dest_addr_ton=1, dest_addr_npi=1, destination_addr="15550100001"),
            ),
            registered_delivery=1,
            short_message=b"hi",
        ),
    ),
    _vector(
        "submit_multi_resp",
        CommandId.SUBMIT_MULTI_RESP,
        b"ab1\x00\x01\x01\x0179990000001\x00\x00\x00\x00\x0b",
        SubmitMultiResp(
            message_id="ab1",
            unsuccess_sme=(
                UnsuccessSme(dest_addr_ton=1, dest_addr_npi=1, destination_addr="79990000001", error_status_code=0x0B),
            ),
        ),
    ),
    _vector(
        "query_sm",
        CommandId.QUERY_SM,
        b"854019\x00\x05\x00SHOP\x00",
        QuerySm(message_id="854019", source_addr_ton=5, source_addr="SHOP"),
    ),
    _vector(
        "query_sm_resp",
        CommandId.QUERY_SM_RESP,
        b"854019\x00110820224100000R\x00\x02\x00",
        QuerySmResp(message_id="854019", final_date="110820224100000R", message_state=2),
    ),
    _vector(
        "cancel_sm",
        CommandId.CANCEL_SM,
        b"\x00854019\x00\x05\x00SHOP\x00\x01\x0179990000001\x00",
        CancelSm(
            message_id="854019",
            source_addr_ton=5,
            source_addr="SHOP",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="79990000001",
        ),
    ),
    _vector("cancel_sm_resp", CommandId.CANCEL_SM_RESP, b"", CancelSmResp()),
    _vector(
        "replace_sm",
        CommandId.REPLACE_SM,
        b"854019\x00\x05\x00SHOP\x00\x00\x00\x01\x00\x03new",
        ReplaceSm(
            message_id="854019",
            source_addr_ton=5,
            source_addr="SHOP",
            registered_delivery=1,
            short_message=b"new",
        ),
    ),
    _vector("replace_sm_resp", CommandId.REPLACE_SM_RESP, b"", ReplaceSmResp()),
    _vector(
        "alert_notification",
        CommandId.ALERT_NOTIFICATION,
        b"\x01\x0179990000001\x00\x05\x00SHOP\x00\x04\x22\x00\x01\x00",
        AlertNotification(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="79990000001",
            esme_addr_ton=5,
            esme_addr="SHOP",
            tlvs=((0x0422, b"\x00"),),
        ),
    ),
    _vector(
        "broadcast_sm",
        CommandId.BROADCAST_SM,
        b"\x00\x05\x00SHOP\x00\x00\x00\x00\x00\x00\x00\x00\x06\x06\x00\x02\x00A\x06\x01\x00\x03\x00\x00\x01\x06\x04\x00\x02\x00\x01\x06\x05\x00\x03\x09\x00\x01",
        BroadcastSm(
            source_addr_ton=5,
            source_addr="SHOP",
            tlvs=((0x0606, b"\x00A"), (0x0601, b"\x00\x00\x01"), (0x0604, b"\x00\x01"), (0x0605, b"\x09\x00\x01")),
        ),
    ),
    _vector("broadcast_sm_resp", CommandId.BROADCAST_SM_RESP, b"ab1\x00", BroadcastSmResp(message_id="ab1")),
    _vector(
        "query_broadcast_sm",
        CommandId.QUERY_BROADCAST_SM,
        b"ab1\x00\x05\x00SHOP\x00",
        QueryBroadcastSm(message_id="ab1", source_addr_ton=5, source_addr="SHOP"),
    ),
    _vector(
        "query_broadcast_sm_resp",
        CommandId.QUERY_BROADCAST_SM_RESP,
        b"ab1\x00\x04\x27\x00\x01\x02\x06\x06\x00\x02\x00A\x06\x08\x00\x01\x64",
        QueryBroadcastSmResp(message_id="ab1", tlvs=((0x0427, b"\x02"), (0x0606, b"\x00A"), (0x0608, b"\x64"))),
    ),
    _vector(
        "cancel_broadcast_sm",
        CommandId.CANCEL_BROADCAST_SM,
        b"\x00ab1\x00\x05\x00SHOP\x00",
        CancelBroadcastSm(message_id="ab1", source_addr_ton=5, source_addr="SHOP"),
    ),
    _vector("cancel_broadcast_sm_resp", CommandId.CANCEL_BROADCAST_SM_RESP, b"", CancelBroadcastSmResp()),
    _vector("a vendor's command", 0x00010207, b"anything\xff", UnknownPdu(command_id=0x00010207, body=b"anything\xff")),
    _vector("a vendor's status", CommandId.SUBMIT_SM_RESP, b"", SubmitSmResp(), status=0x00000440),
]

IDS = [vector.name for vector in VECTORS]
