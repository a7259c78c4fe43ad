"""How one account speaks: what gateway.md leaves open, or what another gateway would do in another way.

Every default is the gateway's own habit, or the reading that gateway.md tells to take.
"""

import re
from collections.abc import Iterable
from datetime import UTC, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from connector.domain.addresses import INTERNATIONAL, sender_fault, source_address
from connector.domain.kinds import MOST_VALIDITY_MINUTES, LongKinds
from connector.domain.numbers import REGIONS
from connector.domain.text import Concatenation
from connector.smpp.constants import CommandStatus, Tag
from connector.translate.named_tlvs import NamedTlv

DECIDED_STATUSES: Final = frozenset(
    (CommandStatus.ESME_ROK, CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL)
)
"""Statuses whose meaning no setting can change."""


_OWN_TAGS: Final = frozenset(
    (
        Tag.MESSAGE_PAYLOAD,
        Tag.SAR_MSG_REF_NUM,
        Tag.SAR_TOTAL_SEGMENTS,
        Tag.SAR_SEGMENT_SEQNUM,
        Tag.USER_MESSAGE_REFERENCE,
    )
)


class IdFormat(StrEnum):
    """How a gateway writes a message id; both sides of a join are brought to one form.

    AS_IS: characters count, but for blanks around and zeros in front. DECIMAL, HEX: a number in that base; what is none
    is compared without regard to case and zeros. EITHER: hexadecimal where it has a letter; for digits alone both are
    tried until the account's ids have shown which it is, and a match must agree on the recipient.
    """

    AS_IS = "as_is"
    DECIMAL = "decimal"
    HEX = "hex"
    EITHER = "either"


class TimeFormat(StrEnum):
    """How validity_period and schedule_delivery_time are written (SMPP 3.4, section 7.1.1).

    AUTO: a duration as a relative time, a point in time as an absolute one. RELATIVE: both as a distance from now, for
    a gateway whose clock is not to be trusted. ABSOLUTE: both as a point in time, in UTC.
    """

    AUTO = "auto"
    RELATIVE = "relative"
    ABSOLUTE = "absolute"


def _status(value: object) -> object:
    """A status may be written by its name, as ESME_RSUBMITFAIL, or as the text 0x45."""
    if not isinstance(value, str):
        return value
    name = value.strip().upper()
    if name in CommandStatus.__members__:
        return int(CommandStatus[name])
    return int(name, 16) if re.fullmatch(r"0X[0-9A-F]{1,8}", name) else value


Status = Annotated[int, BeforeValidator(_status), Field(ge=1, le=0xFFFFFFFF)]
Octet = Annotated[int, Field(ge=0, le=255)]


class ExtraTlv(BaseModel):
    """An optional parameter that goes out with every submit_sm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tag: int = Field(ge=0, le=0xFFFF, description="tag of the parameter, as 0x1400")
    hex: str = Field(default="", pattern=r"^([0-9A-Fa-f]{2})*$", description="its octets in hexadecimal")

    @field_validator("tag")
    @classmethod
    def _not_ours(cls, value: int) -> int:
        if value in _OWN_TAGS:
            raise ValueError(f"0x{value:04X} is set by the connector itself")
        return value

    @property
    def octets(self) -> bytes:
        """The value as it goes out."""
        return bytes.fromhex(self.hex)


class DialectSettings(BaseModel):
    """How one account speaks SMPP (gateway.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_ton: Octet | None = Field(
        default=None, description="type of number of every sender; autodetected from the sender where left out"
    )
    source_npi: Octet | None = Field(
        default=None, description="numbering plan of every sender; autodetected from the sender where left out"
    )
    dest_ton: Octet = Field(default=1, description="type of number of recipients")
    dest_npi: Octet = Field(default=1, description="numbering plan of recipients")
    default_region: str | None = Field(
        default=None,
        description="region, as RU, whose national numbers recipients may be: they go out in E.164, and what can be no "
        "number is refused; write numbers of other countries with a +. Left out, numbers go as they came",
    )
    alphanumeric_ton: Octet = Field(default=5, description="type of number of a sender with letters")
    alphanumeric_npi: Octet = Field(default=0, description="numbering plan of a sender with letters")
    short_code_max_digits: int = Field(
        default=6, ge=0, le=20, description="a sender of so many digits or fewer is a short code (TON 3, NPI 0)"
    )
    default_sender: str | None = Field(
        default=None, min_length=1, description="sender of messages that name none; the gateway's own where left out"
    )
    iso: bool = Field(default=False, description="system_type parameter ISO: coding 0 is ISO-8859-1 instead of GSM")
    single: bool = Field(
        default=False, description="system_type parameter SINGLE: an id and a receipt for each part of a long message"
    )
    validity_minutes: int = Field(
        default=1440, ge=1, le=MOST_VALIDITY_MINUTES, description="validity of messages that say none, in minutes"
    )
    concatenation: Concatenation = Field(
        default=Concatenation.UDH8, description="how parts are tied together: udh8, udh16, sar or payload"
    )
    long_kinds: LongKinds = Field(
        default=LongKinds.CONCATENATION,
        description="how long e-mails, calls, Viber, social and bot messages go out: concatenation (in parts, like an "
        "SMS) or payload (whole, in message_payload)",
    )
    time_format: TimeFormat = Field(
        default=TimeFormat.AUTO,
        description="how times are written: relative, absolute, or auto (durations relative, points in time absolute)",
    )
    replace_typography: bool = Field(
        default=False,
        description="make curly quotes, long dashes and special blanks of text, subject and comment plain, to fit GSM",
    )
    id_format: IdFormat = Field(
        default=IdFormat.AS_IS, description="form of message ids: as_is, decimal, hex or either"
    )
    response_id_format: IdFormat | None = Field(
        default=None, description="form of ids in submit_sm_resp, where it is another than id_format"
    )
    receipt_id_format: IdFormat | None = Field(
        default=None, description="form of ids in receipts, where it is another than id_format"
    )
    receipt_timezone: str = Field(
        default="UTC", description="zone of the dates in receipts: UTC, +03:00 or a name such as Europe/Moscow"
    )
    poll_after_minutes: float | None = Field(
        default=None,
        ge=0.05,
        le=30 * 1440,
        description="a receipt that is asked for and has not come so long after the submit is asked for with query_sm;"
        " never where left out",
    )
    poll_every_minutes: float = Field(
        default=15, ge=0.05, le=1440, description="until the same state is asked for again"
    )
    poll_most: int = Field(default=4, ge=1, le=100, description="how often the state of one message is asked for")
    poll_at_once: int = Field(
        default=10, ge=1, le=1000, description="questions that may be unanswered at once, for each collector"
    )
    # gateway.md names no status for "identical request within a minute"; a plain submit failure is what servers without
    # one of their own answer. If the real gateway says something else, a resend after a lost bind is called rejected.
    duplicate_statuses: tuple[Status, ...] = Field(
        default=(int(CommandStatus.ESME_RSUBMITFAIL),),
        description="statuses that mean: an identical request was accepted within the minute",
    )
    retry_statuses: tuple[Status, ...] = Field(
        default=(), description="statuses of passing faults: the message is sent again"
    )
    user_message_reference: bool = Field(
        default=False,
        description="send user_message_reference, a number made of the message id; where the gateway brings it back in "
        "receipts, it tells whose receipt one is when the id was lost with its response",
    )
    extra_tlvs: tuple[ExtraTlv, ...] = Field(default=(), description="optional parameters of every submit_sm")
    receipt_tlvs: tuple[NamedTlv, ...] = Field(
        default=(), description="parameters of receipts, by a name of yours, for the field `tlvs` of their events"
    )

    @field_validator("receipt_tlvs")
    @classmethod
    def _named_once(cls, value: tuple[NamedTlv, ...]) -> tuple[NamedTlv, ...]:
        names = [row.name for row in value]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} stands twice; each name may stand once")
        return value

    @field_validator("receipt_timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        zone_of(value)
        return value

    @field_validator("default_region")
    @classmethod
    def _region(cls, value: str | None) -> str | None:
        if value is None:
            return None
        found = value.strip().upper()
        if found not in REGIONS:
            raise ValueError("no such region: two letters of ISO 3166-1, such as RU, DE or US")
        return found

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.default_region is not None and self.dest_ton != INTERNATIONAL:
            raise ValueError("default_region: recipients go out in international format, so dest_ton must be 1")
        _apart("duplicate_statuses", self.duplicate_statuses, DECIDED_STATUSES, "success, throttling or a full queue")
        _apart("retry_statuses", self.retry_statuses, DECIDED_STATUSES, "success, throttling or a full queue")
        _apart("retry_statuses", self.retry_statuses, frozenset(self.duplicate_statuses), "a duplicate")
        if self.default_sender is not None:
            fault = sender_fault(
                source_address(
                    self.default_sender,
                    ton=self.source_ton,
                    npi=self.source_npi,
                    alphanumeric_ton=self.alphanumeric_ton,
                    alphanumeric_npi=self.alphanumeric_npi,
                    short_code_max_digits=self.short_code_max_digits,
                )
            )
            if fault is not None:
                raise ValueError(f"default_sender: {fault[1]}")
        return self

    @property
    def receipt_zone(self) -> tzinfo:
        """The zone of the dates in receipts."""
        return zone_of(self.receipt_timezone)


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The zone of a name or an offset. Raises ValueError for one that nobody knows."""
    if name.upper() in ("UTC", "Z"):
        return UTC
    offset = re.fullmatch(r"([+-])(\d\d):?([0-5]\d)", name)
    if offset is not None and int(offset[2]) < 24:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("no such time zone: UTC, an offset such as +03:00, or a name such as Europe/Moscow") from error


def _apart(field: str, found: Iterable[int], taken: frozenset[int], meaning: str) -> None:
    for status in found:
        if status in taken:
            raise ValueError(f"{field}: 0x{status:08X} already means {meaning}")
