"""The codec: every vector both ways, cut and damaged; what is refused, and with which status."""

from dataclasses import fields, replace
from struct import pack
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.smpp.constants import CommandId, CommandStatus
from connector.smpp.errors import EncodeError, FramingError, MalformedPdu
from connector.smpp.layouts import LAYOUTS
from connector.smpp.pdu import (
    MAX_PDU,
    BindTransceiver,
    Body,
    DeliverSm,
    EnquireLink,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnknownPdu,
    command_of,
    decode,
    encode,
)
from tests.smpp.vectors import IDS, VECTORS, Vector

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=IDS)
SHAPED = [vector for vector in VECTORS if not isinstance(vector.body, UnknownPdu)]
each_shaped_vector = pytest.mark.parametrize("vector", SHAPED, ids=lambda vector: vector.name)
WHOLE = [vector for vector in SHAPED if len(vector.frame) > 16 or not LAYOUTS[command_of(vector.body)].fields]
each_vector_with_its_body = pytest.mark.parametrize("vector", WHOLE, ids=lambda vector: vector.name)


def with_parameters(body: Body, count: int) -> Body:
    """The body with its first `count` optional parameters only."""
    some: Any = body
    return cast(Body, replace(some, tlvs=some.tlvs[:count]))


def with_length(frame: bytes) -> bytes:
    """The frame with the command_length it really has."""
    return pack(">I", len(frame)) + frame[4:]


@each_vector
def test_a_value_is_written_as_the_specification_prints_it(vector: Vector) -> None:
    assert encode(vector.body, sequence=vector.sequence, status=vector.status) == vector.frame


@each_vector
def test_octets_are_read_as_the_value_they_mean(vector: Vector) -> None:
    header, body = decode(vector.frame)
    assert body == vector.body
    assert type(body) is type(vector.body)
    assert header.length == len(vector.frame)
    assert (header.status, header.sequence) == (vector.status, vector.sequence)


@each_vector
def test_a_frame_cut_at_any_byte_is_no_pdu(vector: Vector) -> None:
    for size in range(len(vector.frame)):
        with pytest.raises(FramingError):
            decode(vector.frame[:size])
    with pytest.raises(FramingError):
        decode(vector.frame + b"\x00")


@each_shaped_vector
def test_a_body_cut_at_any_byte_is_malformed_except_between_parameters(vector: Vector) -> None:
    parameters = len(cast(Any, vector.body).tlvs)
    whole = [
        len(encode(with_parameters(vector.body, count), sequence=1, status=vector.status))
        for count in range(parameters + 1)
    ]
    if LAYOUTS[decode(vector.frame)[0].command_id].bare_on_success or vector.status:
        whole.append(16)
    for size in range(16, len(vector.frame)):
        frame = with_length(vector.frame[:size])
        if size in whole:
            decode(frame)
            continue
        with pytest.raises(MalformedPdu) as caught:
            decode(frame)
        assert caught.value.header.sequence == vector.sequence
        assert caught.value.header.length == size
        assert caught.value.complete is (size > whole[0])
        assert caught.value.nack_status in (
            CommandStatus.ESME_RINVCMDLEN,
            CommandStatus.ESME_RINVMSGLEN,
            CommandStatus.ESME_RINVPARLEN,
            CommandStatus.ESME_RINVOPTPARSTREAM,
        )


@each_vector_with_its_body
def test_junk_after_the_body_is_malformed(vector: Vector) -> None:
    for junk in (b"\x00", b"\x00\x00\x00", b"\x04\x24\x00\x05abc", b"\xff" * 7):
        with pytest.raises(MalformedPdu) as caught:
            decode(with_length(vector.frame + junk))
        assert caught.value.nack_status in (CommandStatus.ESME_RINVOPTPARSTREAM, CommandStatus.ESME_RINVPARLEN)
        assert (caught.value.partial, caught.value.complete) == (vector.body, True)


def test_the_vectors_cover_every_command() -> None:
    assert {decode(vector.frame)[0].command_id for vector in VECTORS} >= set(CommandId)
    assert set(LAYOUTS) == set(CommandId)


@pytest.mark.parametrize("command", LAYOUTS)
def test_a_row_of_the_table_is_its_class(command: int) -> None:
    layout = LAYOUTS[command]
    names = [field.name for field in fields(cast(Any, layout.body))]
    assert names == [field.name for field in layout.fields] + ["tlvs"]


MESSAGE = b"\x00\x05\x00SHOP\x00\x01\x0179990000001\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"


@pytest.mark.parametrize(
    ("octets", "status", "reason"),
    [
        (b"x" * 300 + b"\x00" + MESSAGE[1:] + b"\x00", CommandStatus.ESME_RINVSERTYP, "service_type"),
        (b"\x00\x05\x00" + b"9" * 255 + MESSAGE[7:] + b"\x00", CommandStatus.ESME_RINVSRCADR, "source_addr"),
        (
            b"\x00\x05\x00SHOP\x00\x01\x01" + b"9" * 255 + MESSAGE[21:] + b"\x00",
            CommandStatus.ESME_RINVDSTADR,
            "destination_addr",
        ),
        (MESSAGE[:25] + b"1" * 255 + MESSAGE[25:] + b"\x00", CommandStatus.ESME_RINVSCHED, "schedule"),
        (MESSAGE[:26] + b"1" * 255 + MESSAGE[26:] + b"\x00", CommandStatus.ESME_RINVEXPIRY, "validity"),
        (MESSAGE + b"\x06hello", CommandStatus.ESME_RINVMSGLEN, "sm_length is 6, but 5 octets follow"),
        (MESSAGE, CommandStatus.ESME_RINVCMDLEN, "sm_length is missing"),
        (b"no end", CommandStatus.ESME_RINVCMDLEN, "service_type does not end"),
        (MESSAGE + b"\x00\x04\x24", CommandStatus.ESME_RINVOPTPARSTREAM, "2 octets after"),
        (MESSAGE + b"\x00\x04\x24\x00\x09abc", CommandStatus.ESME_RINVPARLEN, "0x0424 has 9 octets, but 3 follow"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("command", [CommandId.SUBMIT_SM, CommandId.DELIVER_SM])
def test_a_malformed_pdu_keeps_its_header_and_names_the_damage(
    command: int, octets: bytes, status: int, reason: str
) -> None:
    with pytest.raises(MalformedPdu, match=reason) as caught:
        decode(pack(">4I", 16 + len(octets), command, 0, 42) + octets)
    assert caught.value.nack_status == status
    assert caught.value.header == (16 + len(octets), command, 0, 42)


def test_a_destination_of_an_unknown_kind_is_refused_as_such() -> None:
    octets = b"\x00\x00\x00\x00\x01\x03x\x00"
    with pytest.raises(MalformedPdu) as caught:
        decode(pack(">4I", 16 + len(octets), CommandId.SUBMIT_MULTI, 0, 1) + octets)
    assert caught.value.nack_status == CommandStatus.ESME_RINVDESTFLAG


def test_a_response_that_succeeded_must_say_its_id() -> None:
    with pytest.raises(MalformedPdu) as caught:
        decode(pack(">4I", 16, CommandId.SUBMIT_SM_RESP, 0, 5))
    assert caught.value.partial == SubmitSmResp()


@pytest.mark.parametrize("size", [65, 100, 254])
def test_an_id_longer_than_the_specification_allows_is_read_and_written(size: int) -> None:
    octets = b"a" * size + b"\x00"
    frame = pack(">4I", 16 + len(octets), CommandId.SUBMIT_SM_RESP, 0, 5) + octets
    assert decode(frame)[1] == SubmitSmResp(message_id="a" * size)
    assert encode(SubmitSmResp(message_id="a" * size), sequence=5) == frame


@pytest.mark.parametrize("length", [0, 15, MAX_PDU + 1, 0x48545450, 0xFFFFFFFF])
def test_a_length_that_cannot_be_is_a_framing_error(length: int) -> None:
    with pytest.raises(FramingError):
        decode(pack(">4I", length, CommandId.ENQUIRE_LINK, 0, 1))


@pytest.mark.parametrize(
    "body",
    [
        SubmitSm(source_addr="x" * 255),
        SubmitSm(destination_addr="7999\x00"),
        SubmitSm(destination_addr="номер"),
        SubmitSm(service_type="123456"),
        SubmitSm(validity_period="1" * 17),
        SubmitSm(schedule_delivery_time="\x00"),
        SubmitSm(short_message=b"x" * 256),
        SubmitSm(data_coding=256),
        SubmitSm(esm_class=-1),
        SubmitSm(tlvs=((0x10000, b""),)),
        SubmitSm(tlvs=((1, b"x" * 65536),)),
        DeliverSm(source_addr_ton=300),
        SubmitSmResp(message_id="x" * 255),
        BindTransceiver(system_id="x" * 65),
        BindTransceiver(password="1" * 65),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_our_error_and_shows_no_value(body: Body) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(body, sequence=1)
    assert not any(secret in str(caught.value) for secret in ("xxxx", "7999", "номер", "123456789"))


@pytest.mark.parametrize(("sequence", "status"), [(-1, 0), (1 << 32, 0), (1, -1), (1, 1 << 32)])
@pytest.mark.parametrize("body", [SubmitSm(), SubmitSmResp(), DeliverSm(), UnknownPdu(command_id=0x10200)], ids=repr)
def test_a_header_that_does_not_fit_is_our_error(body: Body, sequence: int, status: int) -> None:
    with pytest.raises(EncodeError):
        encode(body, sequence=sequence, status=status)


def test_a_repr_shows_no_text_no_number_and_no_password() -> None:
    for vector in VECTORS:
        shown = repr(vector.body)
        assert "secret" not in shown
        assert "7999" not in shown.replace("^7999", "")
        assert "Hello" not in shown
        assert "id:854019" not in shown


def test_values_of_different_kinds_are_never_equal() -> None:
    kinds: list[Body] = [SubmitSm(), DeliverSm(), Unbind(), EnquireLink()]
    assert len(set(kinds)) == 4
    assert SubmitSm() == SubmitSm()
    assert hash(SubmitSm()) == hash(SubmitSm())


HEADERS = st.builds(
    lambda command, status, sequence: pack(">3I", command, status, sequence),
    st.sampled_from([*CommandId, 0x00010207, 0x80010207]),
    st.sampled_from([0, 0x58, 0xFFFFFFFF]),
    st.integers(0, 0xFFFFFFFF),
)


def read_or_refuse(frame: bytes) -> None:
    """Reading gives a value, or an error of ours that says enough to refuse the PDU."""
    partial: Body | None
    try:
        header, partial = decode(frame)
    except MalformedPdu as error:
        header, partial = error.header, error.partial
    except FramingError:
        return
    assert header.length == len(frame)
    assert partial is not None
    assert isinstance(repr(partial), str)


@given(HEADERS, st.binary(max_size=300))
def test_random_octets_raise_nothing_but_our_errors(header: bytes, octets: bytes) -> None:
    read_or_refuse(pack(">I", 16 + len(octets)) + header + octets)


@given(st.data())
def test_damaged_pdus_raise_nothing_but_our_errors(data: st.DataObject) -> None:
    frame = bytearray(data.draw(st.sampled_from(VECTORS)).frame)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(frame) - 1))
        frame[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(16, len(frame)))
    read_or_refuse(with_length(bytes(frame[:cut])))


@given(st.binary(max_size=100))
def test_random_frames_raise_nothing_but_our_errors(frame: bytes) -> None:
    read_or_refuse(frame)
