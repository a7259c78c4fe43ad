"""Inbound messages: pieces in any order become what the subscriber wrote, or as much of it as came."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.text import Alphabet, Concatenation, segment
from connector.smpp.constants import Tag
from connector.smpp.pdu import DataSm, DeliverSm
from connector.translate import DialectSettings, InboundPiece, assemble, delivery_key, to_inbound_part

AT = 1_790_000_000_123
RULES = DialectSettings()
ONE = DeliverSm(source_addr="79990000001", destination_addr="1234", short_message=b"STOP")


def pieces_of(
    text: str, alphabet: Alphabet, coding: int, *, concatenation: Concatenation = Concatenation.UDH8, reference: int = 7
) -> list[DeliverSm]:
    pdus = []
    for part in segment(text, alphabet, concatenation=concatenation, reference=reference):
        tlvs: tuple[tuple[int, bytes], ...] = ()
        if concatenation is Concatenation.SAR and part.total > 1:
            tlvs = (
                (Tag.SAR_MSG_REF_NUM, reference.to_bytes(2, "big")),
                (Tag.SAR_TOTAL_SEGMENTS, bytes((part.total,))),
                (Tag.SAR_SEGMENT_SEQNUM, bytes((part.index,))),
            )
        pdus.append(
            replace(
                ONE,
                esm_class=0x40 if part.udh else 0,
                data_coding=coding,
                short_message=part.udh + part.payload,
                tlvs=tlvs,
            )
        )
    return pdus


def read(pdus: list[DeliverSm]) -> list[InboundPiece]:
    return [to_inbound_part(pdu, account="shop", received_at=AT + at) for at, pdu in enumerate(pdus)]


def test_a_short_message_is_whole() -> None:
    message = assemble(read([ONE]), RULES, completed_at=AT + 9)
    assert (message.sender, message.recipient, message.text, message.payload) == ("79990000001", "1234", "STOP", None)
    assert (message.coding, message.data_coding, message.parts, message.complete) == ("GSM", 0, 1, True)
    assert (message.reference, message.received_at, message.completed_at) == (None, AT, AT + 9)
    assert delivery_key("shop", ONE, RULES) == "shop|>|79990000001|1234|"


@pytest.mark.parametrize("concatenation", [Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR])
@pytest.mark.parametrize(("alphabet", "coding"), [(Alphabet.GSM, 0), (Alphabet.LATIN1, 4), (Alphabet.UCS2, 8)])
def test_pieces_in_any_order_and_twice(alphabet: Alphabet, coding: int, concatenation: Concatenation) -> None:
    text = "one two three " * 40
    pdus = pieces_of(text, alphabet, coding, concatenation=concatenation)
    assert len({delivery_key("shop", pdu, RULES) for pdu in pdus}) == 1
    pieces = read(pdus + pdus[:2])
    expected = assemble(pieces, RULES, completed_at=AT)
    assert (expected.text, expected.complete, expected.reference) == (text, True, 7)
    for seed in range(5):
        shuffled = random.Random(seed).sample(pieces, len(pieces))
        assert assemble(shuffled, RULES, completed_at=AT) == expected


def test_references_and_lengths_keep_messages_apart() -> None:
    keys = {
        delivery_key("shop", pdu, RULES)
        for reference in (7, 8)
        for length in (200, 400)
        for pdu in pieces_of("a" * length, Alphabet.GSM, 0, reference=reference)
    }
    assert len(keys) == 4


def test_references_of_two_widths_are_two_messages_though_their_numbers_are_one() -> None:
    keys = [
        {delivery_key("shop", pdu, RULES) for pdu in pieces_of("a" * 200, Alphabet.GSM, 0, concatenation=each)}
        for each in (Concatenation.UDH8, Concatenation.UDH16)
    ]
    assert [len(each) for each in keys] == [1, 1]
    assert keys[0].isdisjoint(keys[1])


def test_what_came_is_published_when_a_piece_is_missing() -> None:
    pdus = pieces_of("a" * 153 + "b" * 153 + "c" * 100, Alphabet.GSM, 0)
    message = assemble(read([pdus[0], pdus[2]]), RULES, completed_at=AT)
    assert (message.text, message.complete) == ("a" * 153 + "c" * 100, False)
    assert (message.parts, message.parts_received) == (3, 2)


def test_the_sides_of_a_gap_are_not_taken_for_one_character() -> None:
    """Half a surrogate pair ends piece 1, the other half of another pair starts piece 3."""
    halves = ["😀".encode("utf-16-be")[:2], "😀".encode("utf-16-be")[2:]]
    pdus = [
        replace(ONE, esm_class=0x40, data_coding=8, short_message=bytes((5, 0, 3, 1, 3, index)) + octets)
        for index, octets in ((1, halves[0]), (3, halves[1]))
    ]
    message = assemble(read(pdus), RULES, completed_at=AT)
    assert "😀" not in (message.text or "")
    assert message.payload == b"".join(halves)
    whole = assemble(
        read([replace(pdus[0]), replace(pdus[1], short_message=b"\5\0\3\1\3\2" + halves[1])]), RULES, completed_at=AT
    )
    assert whole.text == "😀"


def test_255_pieces() -> None:
    pdus = pieces_of("x" * 153 * 255, Alphabet.GSM, 0)
    message = assemble(read(pdus[::-1]), RULES, completed_at=AT)
    assert (message.parts, message.parts_received, len(message.text or "")) == (255, 255, 153 * 255)


def test_pieces_of_different_alphabets() -> None:
    head = replace(ONE, esm_class=0x40, short_message=b"\5\0\3\1\2\1plain ")
    tail = replace(ONE, esm_class=0x40, data_coding=8, short_message=b"\5\0\3\1\2\2" + "я".encode("utf-16-be"))
    message = assemble(read([tail, head]), RULES, completed_at=AT)
    assert (message.text, message.coding, message.data_coding) == ("plain я", "GSM+UCS2", 0)


@pytest.mark.parametrize(
    ("coding", "octets", "text", "name"),
    [
        (0x00, b"", "", "GSM"),
        (0x04, "é".encode("latin-1"), "é", "LATIN1"),
        (0x08, "я".encode("utf-16-be"), "я", "UCS2"),
        (0x02, b"\x00\x01", None, "BINARY"),
    ],
)
def test_each_coding_is_read(coding: int, octets: bytes, text: str | None, name: str) -> None:
    message = assemble(read([replace(ONE, data_coding=coding, short_message=octets)]), RULES, completed_at=AT)
    assert (message.text, message.coding) == (text, name)
    assert message.payload == (octets if text is None else None)


def test_a_guess_comes_with_its_octets() -> None:
    for coding, octets in ((0x04, b"\x00\x01\xff"), (0x09, b"abc"), (0x08, b"\xd8\x00")):
        message = assemble(read([replace(ONE, data_coding=coding, short_message=octets)]), RULES, completed_at=AT)
        assert message.payload == octets


def test_data_for_a_port_comes_with_its_octets() -> None:
    udh = bytes.fromhex("0605040b8423f0")
    message = assemble(read([replace(ONE, esm_class=0x40, short_message=udh + b"BEGIN")]), RULES, completed_at=AT)
    assert (message.text, message.payload) == ("BEGIN", b"BEGIN")


def test_iso_is_coding_0_where_the_account_says_so() -> None:
    pdu = replace(ONE, short_message=b"\x40\xe9")
    assert assemble(read([pdu]), DialectSettings(iso=True), completed_at=AT).text == "@é"


def test_data_sm_and_message_payload() -> None:
    pdu = DataSm(source_addr="79990000001", destination_addr="1234", tlvs=((Tag.MESSAGE_PAYLOAD, b"STOP"),))
    assert assemble([to_inbound_part(pdu, account="shop", received_at=AT)], RULES, completed_at=AT).text == "STOP"


@pytest.mark.parametrize("over_data_sm", [False, True])
@pytest.mark.parametrize(
    ("esm_class", "word"),
    [
        (0x00, "message"),
        (0x03, "message"),
        (0x08, "delivery-ack"),
        (0x10, "user-ack"),
        (0x18, "conversation-abort"),
        (0x88, "delivery-ack"),
        (0x1C, "message"),
        (0x0C, "message"),
    ],
)
def test_acknowledgements_and_answers_by_hand_are_told_from_messages(
    esm_class: int, word: str, over_data_sm: bool
) -> None:
    pdu: DeliverSm | DataSm = replace(ONE, esm_class=esm_class)
    if over_data_sm:
        pdu = DataSm(source_addr="79990000001", esm_class=esm_class, tlvs=((Tag.MESSAGE_PAYLOAD, b"STOP"),))
    message = assemble([to_inbound_part(pdu, account="shop", received_at=AT)], RULES, completed_at=AT)
    assert (message.type, message.text) == (word, "STOP")


def test_an_acknowledgement_in_parts_is_one() -> None:
    pdus = [replace(pdu, esm_class=0x40 | 0x10) for pdu in pieces_of("a" * 200, Alphabet.GSM, 0)]
    message = assemble(read(pdus[::-1]), RULES, completed_at=AT)
    assert (message.type, message.parts, message.complete) == ("user-ack", 2, True)


@pytest.mark.parametrize("esm_class", [0x08, 0x10, 0x18])
@pytest.mark.parametrize(
    ("tlvs", "name", "reference"),
    [
        (((Tag.RECEIPTED_MESSAGE_ID, b"854019\0"), (Tag.USER_MESSAGE_REFERENCE, b"\x02\x01")), "854019", 0x201),
        (((Tag.RECEIPTED_MESSAGE_ID, b"000854019"),), "000854019", None),
        (((Tag.USER_MESSAGE_REFERENCE, b"\0\0"),), None, 0),
        (((Tag.RECEIPTED_MESSAGE_ID, b"\0"), (Tag.USER_MESSAGE_REFERENCE, b"")), None, None),
        ((), None, None),
    ],
)
def test_an_acknowledgement_names_its_message(
    esm_class: int, tlvs: tuple[tuple[int, bytes], ...], name: str | None, reference: int | None
) -> None:
    message = assemble(read([replace(ONE, esm_class=esm_class, tlvs=tlvs)]), RULES, completed_at=AT)
    assert (message.gateway_message_id, message.user_message_reference) == (name, reference)


def test_one_of_its_parts_is_enough_to_name_the_message() -> None:
    first, second = (replace(pdu, esm_class=0x40 | 0x10) for pdu in pieces_of("a" * 200, Alphabet.GSM, 0))
    message = assemble(
        read([replace(second, tlvs=((Tag.RECEIPTED_MESSAGE_ID, b"854019\0"),)), first]), RULES, completed_at=AT
    )
    assert (message.gateway_message_id, message.complete) == ("854019", True)


@pytest.mark.parametrize("coding", [0x00, 0x04, 0x08, 0x03, 0x55, 0xF0, 0xFF])
def test_an_empty_text_is_a_message(coding: int) -> None:
    message = assemble(read([replace(ONE, data_coding=coding, short_message=b"")]), RULES, completed_at=AT)
    assert (message.text or "", message.payload or b"", message.data_coding) == ("", b"", coding)


@pytest.mark.parametrize("coding", [0x05, 0x0A, 0x0B, 0x55, 0xC8, 0xE0])
def test_an_unknown_data_coding_loses_nothing(coding: int) -> None:
    octets = b"caf\xe9 \x00\x01"
    message = assemble(read([replace(ONE, data_coding=coding, short_message=octets)]), RULES, completed_at=AT)
    assert message.payload == octets or (message.text or "").encode("utf-16-be") == octets
    assert message.data_coding == coding


def test_a_long_message_in_one_message_payload_needs_no_parts() -> None:
    pdu = replace(ONE, short_message=b"", data_coding=8, tlvs=((Tag.MESSAGE_PAYLOAD, ("я" * 500).encode("utf-16-be")),))
    message = assemble(read([pdu]), RULES, completed_at=AT)
    assert (message.text, message.parts) == ("я" * 500, 1)


def test_parts_in_message_payload_are_joined_too() -> None:
    pdus = [
        replace(pdu, short_message=b"", tlvs=((Tag.MESSAGE_PAYLOAD, pdu.short_message),))
        for pdu in pieces_of("one two " * 40, Alphabet.GSM, 0)
    ]
    message = assemble(read(pdus[::-1]), RULES, completed_at=AT)
    assert (message.text, message.complete) == ("one two " * 40, True)


def test_the_same_answer_twice_is_two_messages_and_a_replay_is_one() -> None:
    first = to_inbound_part(ONE, account="shop", received_at=AT)
    again = to_inbound_part(ONE, account="shop", received_at=AT)
    later = to_inbound_part(ONE, account="shop", received_at=AT + 1)
    ids = [assemble([each], RULES, completed_at=AT + 5).event_id for each in (first, again, later)]
    assert ids[0] == ids[1] != ids[2]


def test_nothing_is_no_message() -> None:
    with pytest.raises(ValueError, match="at least one"):
        assemble([], RULES, completed_at=AT)


def test_a_piece_shows_nothing_of_its_sender() -> None:
    shown = repr(read([ONE])[0])
    assert "7999" not in shown
    assert "STOP" not in shown


_pdus = st.builds(
    DeliverSm,
    source_addr=st.text(st.characters(max_codepoint=255), max_size=21),
    destination_addr=st.text(st.characters(max_codepoint=255), max_size=21),
    esm_class=st.integers(0, 255),
    data_coding=st.integers(0, 255),
    short_message=st.binary(max_size=60),
    tlvs=st.lists(st.tuples(st.sampled_from([int(tag) for tag in Tag]), st.binary(max_size=70)), max_size=4).map(tuple),
)


@given(st.lists(_pdus, min_size=1, max_size=5))
def test_any_delivery_has_a_key_and_a_message(pdus: list[DeliverSm]) -> None:
    for pdu in pdus:
        assert delivery_key("shop", pdu, RULES).startswith("shop|")
    message = assemble(read(pdus), RULES, completed_at=AT)
    assert message.parts_received >= 1
