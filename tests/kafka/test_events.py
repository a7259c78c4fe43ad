"""What public events carry in their headers, and where keys go."""

import pytest
from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from connector.kafka.clients import OutRecord, Record, partition_for
from connector.kafka.events import Published, event_headers, trace_of
from connector.kafka.partitions import murmur2
from tests.support import samples

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_an_event_is_a_cloud_event() -> None:
    assert dict(event_headers(samples.SUBMIT_RESPONSE, traceparent=TRACE, tracestate="a=b")) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e1",
        "ce_type": b"sms.submit-response.v1",
        "ce_source": b"/sms-connector/accounts/shop",
        "ce_time": b"2026-09-21T14:13:20.126Z",
        "content-type": b"application/avro",
        "traceparent": TRACE.encode(),
        "tracestate": b"a=b",
    }


@pytest.mark.parametrize(
    "event", [samples.SUBMIT_RESPONSE, samples.DELIVERY_REPORT, samples.HLR_RESULT, samples.INBOUND_MESSAGE]
)
def test_headers_hold_no_number_and_no_text(event: Published) -> None:
    assert samples.TO.encode() not in b"".join(value for _, value in event_headers(event))


def test_the_trace_of_a_record_is_found() -> None:
    assert trace_of([("x", b"y"), ("traceparent", TRACE.encode())]) == (TRACE, None)
    assert trace_of([("traceparent", b"\xff")]) == (None, None)
    assert trace_of([("traceparent", TRACE.encode()), ("tracestate", b"a" * 513)]) == (TRACE, None)


def test_a_records_repr_shows_neither_key_nor_value() -> None:
    secret = samples.TO.encode()
    assert samples.TO not in repr(OutRecord("t", secret, secret, headers=[("a", secret)]))
    assert samples.TO not in repr(Record("t", 0, 0, 0, secret, secret, [("a", secret)]))


@given(st.binary(max_size=64))
def test_keys_are_hashed_as_kafka_hashes_them(key: bytes) -> None:
    assert murmur2(key) == theirs(key)


@pytest.mark.parametrize(
    ("key", "value"), [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)]
)
def test_keys_are_hashed_as_in_java(key: bytes, value: int) -> None:
    """From the unit tests of org.apache.kafka.common.utils.Utils."""
    assert murmur2(key) == value & 0xFFFFFFFF
    assert partition_for(key, 7) == (value & 0x7FFFFFFF) % 7
