"""The hand-written readers and writers agree with the table in everything, errors included."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.smpp import codec
from connector.smpp.constants import CommandId
from connector.smpp.errors import EncodeError, MalformedPdu
from connector.smpp.pdu import Body, DeliverSm, DeliverSmResp, Header, QuerySm, SubmitSm, SubmitSmResp, encode
from connector.smpp.quick import READERS, WRITERS

QUICK = [CommandId.SUBMIT_SM, CommandId.DELIVER_SM, CommandId.SUBMIT_SM_RESP, CommandId.DELIVER_SM_RESP]

# Mostly what fits, and at the edges what does not: too long, a NUL, outside latin-1, outside an octet.
words = st.text(st.characters(max_codepoint=0x101), max_size=22) | st.sampled_from(["", "x" * 254, "x" * 255, "\0"])
octet = st.integers(0, 255) | st.sampled_from([-1, 256])
parameters = st.lists(st.tuples(st.integers(0, 0xFFFF) | st.just(0x10000), st.binary(max_size=20)), max_size=4).map(
    tuple
)
messages: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "service_type": words,
        "source_addr_ton": octet,
        "source_addr_npi": octet,
        "source_addr": words,
        "dest_addr_ton": octet,
        "dest_addr_npi": octet,
        "destination_addr": words,
        "esm_class": octet,
        "protocol_id": octet,
        "priority_flag": octet,
        "schedule_delivery_time": words,
        "validity_period": words,
        "registered_delivery": octet,
        "replace_if_present_flag": octet,
        "data_coding": octet,
        "sm_default_msg_id": octet,
        "short_message": st.binary(max_size=258),
        "tlvs": parameters,
    },
)
answers: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"message_id": words, "tlvs": parameters}
)
bodies: st.SearchStrategy[Body] = (
    messages.map(lambda fields: SubmitSm(**fields))
    | messages.map(lambda fields: DeliverSm(**fields))
    | answers.map(lambda fields: SubmitSmResp(**fields))
    | answers.map(lambda fields: DeliverSmResp(**fields))
)


def written_quickly(body: Body, sequence: int, status: int) -> bytes | None:
    try:
        return WRITERS[type(body)](body, sequence, status)
    except EncodeError:
        return None


def written_by_the_table(body: Body, sequence: int, status: int) -> bytes | None:
    try:
        return codec.write(body, sequence, status)
    except EncodeError:
        return None


@given(bodies, st.sampled_from([1, 0x7FFFFFFF, 1 << 32]), st.sampled_from([0, 0x58, -1]))
def test_quick_writers_agree_with_the_table(body: Body, sequence: int, status: int) -> None:
    assert written_quickly(body, sequence, status) == written_by_the_table(body, sequence, status)


@pytest.mark.parametrize("size", [64, 65, 254, 255])
@pytest.mark.parametrize("kind", [SubmitSmResp, DeliverSmResp, QuerySm])
def test_an_id_as_long_as_one_is_read_is_written(kind: type[SubmitSmResp | DeliverSmResp | QuerySm], size: int) -> None:
    body = kind(message_id="7" * size)
    assert (written_quickly(body, 1, 0) is not None) is (size < 255)
    assert written_quickly(body, 1, 0) == written_by_the_table(body, 1, 0)


def read_quickly(header: Header, data: bytes, at: int, end: int) -> Body | tuple[int, str, Body | None]:
    try:
        return READERS[header.command_id](header, data, at, end)
    except MalformedPdu as error:
        return error.nack_status, error.reason, error.partial


def read_by_the_table(header: Header, data: bytes, at: int, end: int) -> Body | tuple[int, str, Body | None]:
    try:
        return codec.read(header, data, at, end)
    except MalformedPdu as error:
        return error.nack_status, error.reason, error.partial


def both_read(command: int, octets: bytes, after: bytes, status: int = 0) -> None:
    header = Header(16 + len(octets), command, status, 1)
    data = b"before" + octets + after
    at, end = 6, 6 + len(octets)
    assert read_quickly(header, data, at, end) == read_by_the_table(header, data, at, end)


@given(bodies, st.data())
def test_quick_readers_agree_with_the_table_on_damaged_pdus(body: Body, data: st.DataObject) -> None:
    try:
        octets = bytearray(encode(body, sequence=1)[16:])
    except EncodeError:
        return
    for _ in range(data.draw(st.integers(0, 2)) if octets else 0):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.just(len(octets)) | st.integers(0, len(octets)))
    # What follows in the buffer is the next PDU: a reader that strays into it must notice.
    both_read(data.draw(st.sampled_from(QUICK)), bytes(octets[:cut]), data.draw(st.sampled_from([b"", b"\0" * 40])))


@given(st.sampled_from(QUICK), st.binary(max_size=60), st.sampled_from([0, 8]))
def test_quick_readers_agree_with_the_table_on_random_octets(command: int, octets: bytes, status: int) -> None:
    both_read(command, octets, b"\0" * 40, status)
