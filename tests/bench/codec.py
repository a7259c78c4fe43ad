"""`python -m tests.bench.codec`: PDUs a second and core, written and read by us, smpp34 and smpplib, taking turns.

"write" is from loose fields to octets, with the making of the value in between; "read" from octets to a value whose
fields are used (smpp34 makes them when asked; it does not read the id of a submit_sm_resp at all). The last rows show
what the choices of `connector.smpp` cost or save. `--json` prints the same as JSON.
"""

import argparse
import json
import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import make_dataclass
from typing import Any

from connector.smpp import codec
from connector.smpp.bodies import SubmitSm
from connector.smpp.pdu import DeliverSm, Header, SubmitSmResp, decode, encode

SOURCE, DESTINATION, TEXT = "BENCH", "79990000001", b"Your parcel has arrived and waits for you until Friday."
RECEIPT = b"id:854019 sub:001 dlvrd:001 submit date:1108202241 done date:1108202241 stat:DELIVRD err:000"
TLVS = ((0x2000, b"0.1234"), (0x2001, b"\0\0"), (0x2002, b"\0\1"), (0x2003, b"25001"), (0x2004, b"\0\2"))

RESPONSE = encode(SubmitSmResp(message_id="10000001"), sequence=1)
DELIVER = encode(
    DeliverSm(source_addr=DESTINATION, destination_addr=SOURCE, esm_class=4, short_message=RECEIPT), sequence=1
)
DELIVER_TLVS = encode(
    DeliverSm(source_addr=DESTINATION, destination_addr=SOURCE, esm_class=4, short_message=RECEIPT, tlvs=TLVS),
    sequence=1,
)

Work = Callable[[], object]


def _use(body: Any) -> Any:
    """Read what a receipt's consumer reads."""
    assert body.source_addr
    assert body.destination_addr
    assert body.short_message
    assert body.esm_class
    return body


def _ours() -> dict[str, Work]:
    def write() -> object:
        body = SubmitSm(
            source_addr_ton=5,
            source_addr=SOURCE,
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=DESTINATION,
            registered_delivery=1,
            short_message=TEXT,
        )
        return encode(body, sequence=1)

    def write_tlvs() -> object:
        body = SubmitSm(
            source_addr_ton=5,
            source_addr=SOURCE,
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=DESTINATION,
            registered_delivery=1,
            short_message=TEXT,
            tlvs=TLVS,
        )
        return encode(body, sequence=1)

    return {
        "write submit_sm": write,
        "write submit_sm, 5 vendor TLVs": write_tlvs,
        "read submit_sm_resp": lambda: decode(RESPONSE),
        "read deliver_sm": lambda: _use(decode(DELIVER)[1]),
        "read deliver_sm, 5 vendor TLVs": lambda: _use(decode(DELIVER_TLVS)[1]),
    }


def _smpp34() -> dict[str, Work]:
    import smpp34

    def write() -> object:
        return smpp34.SubmitSm(
            SOURCE,
            DESTINATION,
            TEXT,
            source_addr_ton=5,
            dest_addr_ton=1,
            dest_addr_npi=1,
            registered_delivery=1,
            sequence_number=1,
        ).encode()

    def write_tlvs() -> object:
        return smpp34.SubmitSm(
            SOURCE,
            DESTINATION,
            TEXT,
            source_addr_ton=5,
            dest_addr_ton=1,
            dest_addr_npi=1,
            registered_delivery=1,
            sequence_number=1,
            tlvs=[smpp34.Tlv(tag, octets) for tag, octets in TLVS],
        ).encode()

    return {
        "write submit_sm": write,
        "write submit_sm, 5 vendor TLVs": write_tlvs,
        "read submit_sm_resp": lambda: smpp34.decode(RESPONSE),
        "read deliver_sm": lambda: _use(smpp34.decode(DELIVER)),
        "read deliver_sm, 5 vendor TLVs": lambda: [
            (tlv.tag, tlv.value) for tlv in _use(smpp34.decode(DELIVER_TLVS)).tlvs
        ],
    }


def _smpplib() -> dict[str, Work]:
    """smpplib cannot write vendor TLVs and drops them when reading."""
    from smpplib.smpp import make_pdu, parse_pdu

    class Numbers:
        sequence = 1

        def next_sequence(self) -> int:
            return 1

    client = Numbers()
    logging.getLogger("smpplib.command").setLevel(logging.ERROR)  # it logs every tag it drops

    def write() -> object:
        return make_pdu(
            "submit_sm",
            client=client,
            source_addr_ton=5,
            source_addr=SOURCE,
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=DESTINATION,
            registered_delivery=1,
            short_message=TEXT,
        ).generate()

    def read(frame: bytes) -> Work:
        return lambda: parse_pdu(frame, client=client, allow_unknown_opt_params=True)

    def read_deliver(frame: bytes) -> Work:
        return lambda: _use(parse_pdu(frame, client=client, allow_unknown_opt_params=True))

    return {
        "write submit_sm": write,
        "read submit_sm_resp": read(RESPONSE),
        "read deliver_sm": read_deliver(DELIVER),
        "read deliver_sm, 5 vendor TLVs": read_deliver(DELIVER_TLVS),
    }


def _table_only() -> dict[str, Work]:
    """Our table-driven codec without the quick functions."""
    response, deliver = Header(*decode(RESPONSE)[0]), Header(*decode(DELIVER)[0])
    body = SubmitSm(source_addr=SOURCE, destination_addr=DESTINATION, short_message=TEXT)
    return {
        "write submit_sm": lambda: codec.write(body, 1, 0),
        "read submit_sm_resp": lambda: codec.read(response, RESPONSE, 16, len(RESPONSE)),
        "read deliver_sm": lambda: codec.read(deliver, DELIVER, 16, len(DELIVER)),
    }


def _values() -> dict[str, Work]:
    """Why a body is not a frozen dataclass (`connector.smpp.bodies`): the same 18 fields, built by position."""
    fields = tuple(f"field_{number}" for number in range(18))
    values = tuple(range(18))
    frozen = make_dataclass("Frozen", fields, frozen=True, slots=True)
    plain = make_dataclass("Plain", fields, slots=True)
    return {"build 18 fields, frozen": lambda: frozen(*values), "build 18 fields, plain": lambda: plain(*values)}


def rate(work: Work, seconds: float) -> float:
    """Calls a second, over about so many seconds."""
    count, took = 100, 0.0
    while took < seconds / 4:
        count *= 2
        began = time.perf_counter()
        for _ in range(count):
            work()
        took = time.perf_counter() - began
    return count / took


def compare(rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Medians by row and by codec."""
    codecs = {
        "ours": _ours(),
        "smpp34": _smpp34(),
        "smpplib": _smpplib(),
        "table only": _table_only(),
        "values": _values(),
    }
    rates: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, rows in codecs.items():
            for row, work in rows.items():
                rates.setdefault(row, {}).setdefault(name, []).append(rate(work, seconds))
    return {row: {name: statistics.median(taken) for name, taken in columns.items()} for row, columns in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="of work for each figure")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    table = compare(wanted.rounds, wanted.seconds)
    if wanted.json:
        print(json.dumps(table, indent=2))
        return
    print("thousand PDUs a second and core; in brackets, ours is so many times as fast")
    for row, columns in table.items():
        print(f"\n{row}")
        for name, figure in columns.items():
            times = f" ({columns['ours'] / figure:.2f} x)" if "ours" in columns and name != "ours" else ""
            print(f"  {name:<12} {figure / 1000:>8,.0f}{times}")


if __name__ == "__main__":
    main()
