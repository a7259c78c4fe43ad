"""The same PDUs through smpp34, an implementation in Rust: both directions, vendor parameters included.

What is not compared: it has values for submit_sm and deliver_sm only and gives every other PDU as octets; its C-octet
strings are UTF-8 where ours are latin-1, so strings are ASCII here.
"""

from typing import Any

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from connector.smpp.constants import CommandId
from connector.smpp.layouts import LAYOUTS
from connector.smpp.pdu import DeliverSm, SubmitSm, decode, encode
from connector.smpp.tlv import Tlvs
from tests.smpp.vectors import IDS, VECTORS, Vector

SIMPLE = [field.name for field in LAYOUTS[CommandId.SUBMIT_SM].fields]


@pytest.mark.parametrize("vector", VECTORS, ids=IDS)
def test_smpp34_reads_the_header_and_the_body_we_wrote(vector: Vector) -> None:
    pdu = smpp34.decode(vector.frame)
    if isinstance(pdu, smpp34.RawPdu):
        assert (pdu.command_length, pdu.command_status) == (len(vector.frame), vector.status)
        assert pdu.body == vector.frame[16:]
    assert pdu.sequence_number == vector.sequence
    if isinstance(vector.body, SubmitSm | DeliverSm):
        assert {name: getattr(pdu, name) for name in SIMPLE} == {name: getattr(vector.body, name) for name in SIMPLE}
        assert tuple((tlv.tag, tlv.value) for tlv in pdu.tlvs) == vector.body.tlvs


def words(most: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=most)


octet = st.integers(0, 255)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "service_type": words(5),
    "source_addr_ton": octet,
    "source_addr_npi": octet,
    "source_addr": words(20),
    "dest_addr_ton": octet,
    "dest_addr_npi": octet,
    "destination_addr": words(20),
    "esm_class": octet,
    "protocol_id": octet,
    "priority_flag": octet,
    "schedule_delivery_time": st.sampled_from(["", "110820224100000R"]),
    "validity_period": st.sampled_from(["", "000001000000000R"]),
    "registered_delivery": octet,
    "replace_if_present_flag": octet,
    "data_coding": octet,
    "sm_default_msg_id": octet,
    "short_message": st.binary(max_size=254),
}
tlvs: st.SearchStrategy[Tlvs] = st.lists(
    st.tuples(st.integers(0x1400, 0x3FFF), st.binary(max_size=40)), max_size=5
).map(tuple)


@pytest.mark.parametrize(("ours", "theirs"), [(SubmitSm, smpp34.SubmitSm), (DeliverSm, smpp34.DeliverSm)])
@given(fields=st.fixed_dictionaries(FIELDS), extra=tlvs, sequence=st.integers(1, 0x7FFFFFFF))
def test_both_write_the_same_octets_and_read_each_others(
    ours: Any, theirs: Any, fields: dict[str, Any], extra: Tlvs, sequence: int
) -> None:
    body = ours(**fields, tlvs=extra)
    frame = theirs(**fields, tlvs=[smpp34.Tlv(tag, value) for tag, value in extra], sequence_number=sequence).encode()
    assert encode(body, sequence=sequence) == frame
    assert decode(frame)[1] == body
    read = smpp34.decode(encode(body, sequence=sequence))
    assert {name: getattr(read, name) for name in FIELDS} == fields
    assert tuple((tlv.tag, tlv.value) for tlv in read.tlvs) == extra
