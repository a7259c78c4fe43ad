"""Parameters of a gateway's own that an account gives a name: read out of every receipt, and published under it.

The rule: what cannot be read as its type is published as octets, so nothing that the gateway said is dropped. Next
station: `receipts`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from connector.smpp.errors import TlvError
from connector.smpp.tlv import TLV_TABLE, Tlvs, TlvSpec, TlvType, extended, lookup, raw

_LONGEST = 255


class Reading(StrEnum):
    """How the octets of a parameter are to be read."""

    INTEGER = "integer"
    TEXT = "text"
    OCTETS = "octets"


_TYPES = {Reading.INTEGER: TlvType.INT, Reading.TEXT: TlvType.FILLED, Reading.OCTETS: TlvType.OCTETS}


class NamedTlv(BaseModel):
    """One parameter of receipts, and what to call it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tag: int = Field(ge=0, le=0xFFFF, description="tag of the parameter, as 0x1400")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="its name in the report: small letters, digits, _")
    type: Reading = Field(default=Reading.OCTETS, description="how to read it: integer, text or octets")


def named(tlvs: Tlvs, rows: Sequence[NamedTlv]) -> dict[str, str]:
    """The values by name: integers in decimal, texts as they are, octets in hexadecimal."""
    if not rows:
        return {}
    table, found = _table(tuple(rows)), {}
    for row in rows:
        try:
            value = lookup(tlvs, row.tag, table)
        except TlvError:
            value = raw(tlvs, row.tag)
        if value is not None:
            found[row.name] = value.hex() if isinstance(value, bytes) else str(value)
    return found


@lru_cache(maxsize=64)
def _table(rows: tuple[NamedTlv, ...]) -> Mapping[int, TlvSpec]:
    return extended(TLV_TABLE, [TlvSpec(row.tag, row.name, _TYPES[row.type], 0, _LONGEST) for row in rows])
