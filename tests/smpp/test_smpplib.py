"""The same PDUs through smpplib, an independent implementation: what it writes we read, what we write it reads.

What smpplib 2.2.4 is wrong about, or has no idea of, and what is therefore not compared:
 - submit_multi, cancel_sm, replace_sm, outbind and the broadcast PDUs: it has no classes for them
 - vendor parameters and those of 5.0: it drops them when reading and cannot write them
 - responses without a body: it reads no id where we read an empty one, and always writes a body
 - source_addr_subunit in submit_sm and source_telematics_id in data_sm: it takes them for two octets
 - subaddresses and callback_num_atag: it takes them for C-octet strings; ms_validity and its_session_info: for integers
 - interface_version: it writes 0x34 whatever it is told
 - parameters it knows but does not list for the PDU: it fails on them; flags (alert_on_message_delivery)
 - empty octet-string parameters: it leaves them out; an empty short_message: it reads none
 - truncated bodies: it accepts them (the last test)
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import consts
from smpplib.smpp import make_pdu, parse_pdu

from connector.smpp.constants import CommandId, Tag, command_name
from connector.smpp.errors import MalformedPdu
from connector.smpp.layouts import LAYOUTS
from connector.smpp.pdu import Body, DataSm, DeliverSm, SubmitSm, UnknownPdu, command_of, decode, encode
from connector.smpp.tlv import TLV_TABLE, Tlvs, TlvType, lookup, make
from tests.smpp.vectors import VECTORS, Vector

NO_CLASS = {
    CommandId.SUBMIT_MULTI,
    CommandId.SUBMIT_MULTI_RESP,
    CommandId.CANCEL_SM,
    CommandId.CANCEL_SM_RESP,
    CommandId.REPLACE_SM,
    CommandId.REPLACE_SM_RESP,
    CommandId.OUTBIND,
    CommandId.BROADCAST_SM,
    CommandId.BROADCAST_SM_RESP,
    CommandId.QUERY_BROADCAST_SM,
    CommandId.QUERY_BROADCAST_SM_RESP,
    CommandId.CANCEL_BROADCAST_SM,
    CommandId.CANCEL_BROADCAST_SM_RESP,
}


class Numbers:
    """The part of smpplib's client that a PDU asks for its number."""

    sequence = 7

    def next_sequence(self) -> int:
        return 7


MISTAKEN = {
    Tag.SOURCE_ADDR_SUBUNIT,
    Tag.SOURCE_TELEMATICS_ID,
    Tag.SOURCE_SUBADDRESS,
    Tag.DEST_SUBADDRESS,
    Tag.CALLBACK_NUM_ATAG,
    Tag.MS_VALIDITY,
    Tag.ITS_SESSION_INFO,
}

COMPARED = [
    vector
    for vector in VECTORS
    if not isinstance(vector.body, UnknownPdu)
    and command_of(vector.body) not in NO_CLASS
    and not (vector.status and len(vector.frame) == 16 and LAYOUTS[command_of(vector.body)].fields)
    and not any(tag == Tag.ALERT_ON_MESSAGE_DELIVERY for tag, _ in cast(Any, vector.body).tlvs)
]
each_vector = pytest.mark.parametrize("vector", COMPARED, ids=lambda vector: vector.name)


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """It logs every tag it drops."""
    logger = logging.getLogger("smpplib.command")
    logger.disabled = True
    yield
    logger.disabled = False


def read_by_smpplib(frame: bytes) -> Any:
    return parse_pdu(frame, client=Numbers(), allow_unknown_opt_params=True)


def known(pdu: Any, tlvs: Tlvs) -> list[tuple[str, int | str | bytes]]:
    """The parameters smpplib lists for this PDU, by name and typed, in its order."""
    names = {TLV_TABLE[tag].name: lookup(tlvs, tag) for tag, _ in tlvs if tag in TLV_TABLE}
    return [(name, cast(Any, names[name])) for name in pdu.params_order if names.get(name) is not None]


def octets(value: object) -> object:
    return value.encode("latin-1") if isinstance(value, str) else value


def same_reading(frame: bytes, body: Body, status: int, sequence: int) -> None:
    """smpplib reads from our octets what the body says."""
    pdu = read_by_smpplib(frame)
    assert pdu.command == command_name(command_of(body))
    assert (pdu.length, pdu.status, pdu.sequence) == (len(frame), status, sequence)
    for field in LAYOUTS[command_of(body)].fields:
        assert (getattr(pdu, field.name) or b"") == (octets(getattr(body, field.name)) or b""), field.name
    for name, value in known(pdu, cast(Any, body).tlvs):
        assert getattr(pdu, name) == octets(value), name


def written_by_smpplib(body: Body, status: int, sequence: int) -> tuple[bytes, Tlvs]:
    """smpplib's octets of the body, with the parameters it could take."""
    layout = LAYOUTS[command_of(body)]
    values = {field.name: getattr(body, field.name) for field in layout.fields}
    name = command_name(command_of(body))
    parameters = known(make_pdu(name, client=Numbers()), cast(Any, body).tlvs)
    pdu = make_pdu(name, client=Numbers(), **values, **dict(parameters))
    pdu.status, pdu.sequence = status, sequence
    return pdu.generate(), tuple(make(Tag[each.upper()], value) for each, value in parameters)


@each_vector
def test_smpplib_reads_our_octets(vector: Vector) -> None:
    same_reading(
        encode(vector.body, sequence=vector.sequence, status=vector.status),
        vector.body,
        vector.status,
        vector.sequence,
    )


# These it would cut to 20 and 254 octets, and write as 3.4, without a word.
CHANGED = ("submit_sm to an e-mail address", "submit_sm with 255 octets of text", "bind_transmitter of 5.0")


@pytest.mark.parametrize(
    "vector", [vector for vector in COMPARED if vector.name not in CHANGED], ids=lambda vector: vector.name
)
def test_we_read_and_write_smpplibs_octets(vector: Vector) -> None:
    frame, tlvs = written_by_smpplib(vector.body, vector.status, vector.sequence)
    body = replace(cast(Any, vector.body), tlvs=tlvs)
    assert decode(frame) == ((len(frame), command_of(body), vector.status, vector.sequence), body)
    assert encode(body, sequence=vector.sequence, status=vector.status) == frame


def words(most: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=most)


octet = st.integers(0, 255)
TAGS = {
    tag: spec
    for tag, spec in TLV_TABLE.items()
    if tag < 0x1400 and spec.name in consts.OPTIONAL_PARAMS and spec.type is not TlvType.FLAG and tag not in MISTAKEN
}


@st.composite
def parameters(draw: st.DrawFn, command: str) -> Tlvs:
    """Some of the parameters both tables know for this PDU, each within both limits."""
    listed = make_pdu(command, client=Numbers()).params
    found = []
    for tag in draw(
        st.lists(st.sampled_from([tag for tag in TAGS if TAGS[tag].name in listed]), unique=True, max_size=5)
    ):
        spec = TAGS[tag]
        match spec.type:
            case TlvType.INT:
                found.append((tag, draw(st.binary(min_size=spec.max_size, max_size=spec.max_size))))
            case TlvType.CSTRING:
                text = draw(st.text("abc019", min_size=1, max_size=spec.max_size - 2))
                found.append(make(tag, text))
            case _:
                found.append((tag, draw(st.binary(min_size=max(spec.min_size, 1), max_size=min(spec.max_size, 200)))))
    return tuple(found)


ADDRESSES: dict[str, st.SearchStrategy[Any]] = {
    "service_type": words(5),
    "source_addr_ton": octet,
    "source_addr_npi": octet,
    "source_addr": words(20),
    "dest_addr_ton": octet,
    "dest_addr_npi": octet,
    "destination_addr": words(20),
    "esm_class": octet,
    "registered_delivery": octet,
    "data_coding": octet,
}
MESSAGES = ADDRESSES | {
    "protocol_id": octet,
    "priority_flag": octet,
    "schedule_delivery_time": words(16),
    "validity_period": words(16),
    "replace_if_present_flag": octet,
    "sm_default_msg_id": octet,
    "short_message": st.binary(max_size=254),
}
submits = st.builds(SubmitSm, **MESSAGES, tlvs=parameters("submit_sm"))
delivers = st.builds(DeliverSm, **MESSAGES, tlvs=parameters("deliver_sm"))
datas = st.builds(DataSm, **ADDRESSES, tlvs=parameters("data_sm"))


@given(submits | delivers | datas, octet, st.integers(1, 0x7FFFFFFF))
def test_smpplib_reads_whatever_we_write(body: Body, status: int, sequence: int) -> None:
    same_reading(encode(body, sequence=sequence, status=status), body, status, sequence)


@given(submits | delivers | datas)
def test_we_read_and_write_whatever_smpplib_writes(body: Body) -> None:
    some: Any = body
    if getattr(body, "short_message", b""):  # it forbids both
        some = replace(some, tlvs=tuple(each for each in some.tlvs if each[0] != Tag.MESSAGE_PAYLOAD))
    frame, tlvs = written_by_smpplib(some, 0, 7)
    body = replace(some, tlvs=tlvs)
    assert decode(frame)[1] == body
    assert encode(body, sequence=7) == frame


def test_smpplib_accepts_truncated_bodies_and_we_do_not() -> None:
    frame = encode(SubmitSm(source_addr="SHOP", destination_addr="79990000001", short_message=b"Hello"), sequence=1)
    cut = len(frame) - 3
    truncated = cut.to_bytes(4, "big") + frame[4:cut]
    assert read_by_smpplib(truncated).short_message == b"He"
    with pytest.raises(MalformedPdu):
        decode(truncated)
