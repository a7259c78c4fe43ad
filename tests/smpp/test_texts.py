"""Any text survives the wire: encode, parts, the octets of the PDUs, a shuffled arrival, reassembly, decode.

All the messages of the demo's collection and generated text over the whole of Unicode, for each way that a long message
may travel. Then the same octets as tshark and smpplib see them.

Where these two read otherwise, and what is therefore not compared:
 - tshark 4.0 takes UCS2 for what it once was, and a surrogate pair for two characters; GSM text it reads up to 0x7F
   with the extension table, and ISO-8859-1 (coding 4, which is 8-bit data to it) not at all
 - smpplib has a grave accent where GSM has the section sign, and no form feed
"""

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smpplib.gsm import gsm_encode
from smpplib.smpp import parse_pdu

from connector.domain.kinds import validate
from connector.domain.messages import OutboundMessage
from connector.domain.text import Alphabet, Concatenation
from connector.domain.text import encode as encode_text
from connector.smpp.constants import Tag
from connector.smpp.pdu import DeliverSm, SubmitSm, decode, encode
from connector.smpp.tlv import raw
from connector.translate import DialectSettings, assemble, plan, to_inbound_part
from tests.domain.text.texts import CLUSTERS, clusters, corpus, gsm_basic, gsm_extension, texts
from tests.smpp.test_smpplib import Numbers
from tests.smpp.test_tshark import told_by_tshark

SMS = OutboundMessage(id="m-1", sender="SHOP", recipient="79990000001", text="Hello")
WAYS = {(way, iso): DialectSettings(concatenation=way, iso=iso) for way in Concatenation for iso in (False, True)}
each_way = pytest.mark.parametrize("way", Concatenation)


def sent(text: str, rules: DialectSettings) -> list[bytes]:
    """The octets that leave, or none where the rules refuse such a text."""
    message = replace(SMS, text=text)
    if validate(message, rules, 0) is not None:
        return []
    return [encode(pdu, sequence=number) for number, pdu in enumerate(plan(message, rules, now_ms=0).pdus, 1)]


def received(frames: Iterable[bytes], rules: DialectSettings) -> str | None:
    """What a receiver of these octets puts together, in the order in which they come."""
    pieces = []
    for at, frame in enumerate(frames):
        _, pdu = decode(frame)
        assert isinstance(pdu, SubmitSm)
        came = DeliverSm(
            source_addr=pdu.source_addr,
            destination_addr=pdu.destination_addr,
            esm_class=pdu.esm_class,
            data_coding=pdu.data_coding,
            short_message=pdu.short_message,
            tlvs=pdu.tlvs,
        )
        pieces.append(to_inbound_part(came, account="shop", received_at=at))
    message = assemble(pieces, rules, completed_at=0)
    assert message.complete
    assert {piece.total for piece in pieces} == {len(pieces)}
    alone = [
        assemble([replace(piece, part=None)], rules, completed_at=0).text or ""
        for piece in sorted(pieces, key=lambda piece: piece.index)
    ]
    assert "".join(alone) == message.text, "a handset that reads part by part must not find half a character"
    return message.text


def survives(text: str, rules: DialectSettings, shuffled: random.Random) -> bool:
    frames = sent(text, rules)
    shuffled.shuffle(frames)
    return not frames or received(frames, rules) == text


@each_way
def test_every_message_of_the_collection_survives(way: Concatenation) -> None:
    shuffled = random.Random(1)
    rules = WAYS[way, False]
    messages = corpus()
    assert len(messages) == 5_574
    lost = [number for number, text in enumerate(messages) if not survives(text, rules, shuffled)]
    assert not lost
    taken = sum(bool(sent(text, rules)) for text in messages)
    assert taken == len(messages)


def _plane(number: int) -> st.SearchStrategy[str]:
    first = number << 16
    return st.characters(min_codepoint=first or 1, max_codepoint=first | 0xFFFF, exclude_categories=["Cs"])


planes = st.one_of([_plane(number) for number in range(17)])
marks = st.sampled_from("\u0301\u0308\u0489\u093c\u094d\u0e31\u200d\ufe0f\U0001f3fd\U000e0067")
units = st.one_of(planes, clusters, marks, gsm_basic, gsm_extension, st.sampled_from(["\r\n", "\u2028", "\x7f"]))
anything = st.builds(
    lambda head, body, times: head + body * times,
    st.lists(units, max_size=90).map("".join),
    st.lists(units, max_size=20).map("".join),
    st.integers(0, 30),
)


@settings(max_examples=400)
@given(st.one_of(anything, texts), st.booleans(), st.randoms(use_true_random=False))
def test_text_of_all_of_unicode_survives(text: str, iso: bool, shuffled: random.Random) -> None:
    for way in Concatenation:
        assert survives(text, WAYS[way, iso], shuffled)


@each_way
@pytest.mark.parametrize("unit", ["€", "[", "\f", "\r\n", "😀", *CLUSTERS])
def test_what_stands_at_the_border_of_a_part_survives(way: Concatenation, unit: str) -> None:
    shuffled = random.Random(1)
    for letter, border in (("a", 153), ("ç", 134), ("я", 67)):
        for at in (*range(border - 14, border + 3), *range(2 * border - 14, 2 * border + 3)):
            text = letter * at + unit + letter * border
            assert survives(text, WAYS[way, False], shuffled), (letter, at)


PLANES = "".join(chr(plane << 16 | 0xABCD) for plane in range(1, 17))
SAMPLES = ["[5 €] @$£_\\", "déjà vu ÆØÅ § ¿", "ê latin", "Привет", "😀" * 40, PLANES, *(unit * 30 for unit in CLUSTERS)]


@each_way
def test_smpplib_agrees_on_the_octets_of_every_part(way: Concatenation) -> None:
    for text in (*SAMPLES, *corpus()[::10]):
        for frame in sent(text, WAYS[way, False]):
            _, ours = decode(frame)
            assert isinstance(ours, SubmitSm)
            theirs: Any = parse_pdu(frame, client=Numbers(), allow_unknown_opt_params=True)
            assert (theirs.short_message or b"") == ours.short_message
            assert (theirs.data_coding, theirs.esm_class) == (ours.data_coding, ours.esm_class)
            assert theirs.message_payload == raw(ours.tlvs, Tag.MESSAGE_PAYLOAD)
            for tag, width in ((Tag.SAR_MSG_REF_NUM, 2), (Tag.SAR_TOTAL_SEGMENTS, 1), (Tag.SAR_SEGMENT_SEQNUM, 1)):
                value = getattr(theirs, tag.name.lower())
                assert (None if value is None else value.to_bytes(width, "big")) == raw(ours.tlvs, tag)


def test_smpplib_agrees_on_the_alphabets() -> None:
    agreed = 0
    for text in (*SAMPLES, *corpus()):
        if not set("§`\f\x1b") & set(text):
            try:
                theirs = gsm_encode(text)
            except UnicodeError:
                continue
            assert encode_text(text, Alphabet.GSM) == theirs
            agreed += 1
    assert agreed > 5_000


def test_tshark_agrees_on_every_part_of_the_collection(tmp_path: Path) -> None:
    """One batch: the collection by 8 bit references, what is special about texts every way."""
    frames = [frame for text in corpus() for frame in sent(text, WAYS[Concatenation.UDH8, False])]
    long = [text * (200 // len(text) + 1) for text in SAMPLES]
    frames += [frame for way in Concatenation for text in (*SAMPLES, *long) for frame in sent(text, WAYS[way, False])]
    fields = (
        *("smpp.data_coding", "smpp.sm_length", "smpp.message", "smpp.message_payload", "smpp.message_text"),
        *("smpp.sar_msg_ref_num", "smpp.sar_total_segments", "smpp.sar_segment_seqnum", "_ws.malformed"),
        *("gsm_sms.udh.mm.msg_id", "gsm_sms.udh.mm.msg_parts", "gsm_sms.udh.mm.msg_part"),
    )
    out = told_by_tshark(
        tmp_path,
        frames,
        *("-o", "smpp.decode_sms_over_smpp:GSM 7-bit", "-T", "json"),
        *(word for field in fields for word in ("-e", field)),
    )
    rows = json.loads(out)
    assert len(rows) == len(frames)
    read = 0
    for frame, row in zip(frames, rows, strict=True):
        seen = {name: values[0] for name, values in row["_source"]["layers"].items()}
        _, pdu = decode(frame)
        assert isinstance(pdu, SubmitSm)
        assert "_ws.malformed" not in seen
        assert int(seen["smpp.data_coding"], 0) == pdu.data_coding
        assert int(seen["smpp.sm_length"], 0) == len(pdu.short_message)
        payload = raw(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
        assert seen.get("smpp.message", "").replace(":", "") == pdu.short_message.hex()
        assert seen.get("smpp.message_payload", "").replace(":", "") == (payload or b"").hex()
        came = DeliverSm(
            esm_class=pdu.esm_class, data_coding=pdu.data_coding, short_message=pdu.short_message, tlvs=pdu.tlvs
        )
        piece = to_inbound_part(came, account="shop", received_at=0)
        names = ("smpp.sar_msg_ref_num", "smpp.sar_total_segments", "smpp.sar_segment_seqnum")
        if pdu.esm_class & 0x40:
            names = ("gsm_sms.udh.mm.msg_id", "gsm_sms.udh.mm.msg_parts", "gsm_sms.udh.mm.msg_part")
        if piece.part is not None:
            assert [int(seen[name], 0) for name in names] == [piece.part.reference, piece.part.total, piece.part.index]
        text = assemble([replace(piece, part=None)], DialectSettings(), completed_at=0).text
        assert text is not None
        if "smpp.message_text" in seen and max(text) < "\ud800":
            assert seen["smpp.message_text"] == text
            read += 1
    assert read > 5_000
