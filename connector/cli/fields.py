"""An outbound message from words: options of a command line, columns of a file, keys of a JSON object.

One table says how each field is read; what the gateway's rules say about the message is `domain.kinds.validate`.
Next station: `send`, which asks that and produces the event.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from connector.cli.times import moment
from connector.domain.messages import Action, Coding, Kind, OutboundMessage, Priority, UnknownPolicy

Words = Mapping[str, object]
"""Field name to what was written: text, or in JSON a number, a boolean, an object; None and "" mean left out."""

METADATA: Final = "metadata"
_META_PREFIXES: Final = ("metadata.", "meta.")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TRUE: Final = frozenset({"true", "yes", "1", "on"})
_FALSE: Final = frozenset({"false", "no", "0", "off"})


class FieldError(ValueError):
    """A field cannot be read; the message names it and says what is allowed, without the value."""


def field_of(name: str) -> str | None:
    """The field that a column or key of this name means; None where there is none. `metadata.x` is one."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    for prefix in _META_PREFIXES:
        if plain.startswith(prefix) and len(plain) > len(prefix):
            # A key of the metadata is the sender's own word, to the letter.
            return METADATA + "." + name.strip()[len(prefix) :]
    plain = _ALIASES.get(plain, plain)
    return plain if plain in _READERS or plain == METADATA else None


def known_fields() -> str:
    """The names of all fields, for a message."""
    return ", ".join(sorted((*_READERS, "metadata.<key>")))


def message_of(words: Words, *, default_id: Callable[[], str], now_ms: int) -> OutboundMessage:
    """The message these words mean; keys are what `field_of` gives. Raises `FieldError` for the first wrong one."""
    values: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    for name, word in words.items():
        if word is None or word == "":
            continue
        if name.startswith(METADATA):
            metadata |= _metadata(name, word)
            continue
        try:
            values[name] = _READERS[name](word, now_ms)
        except ValueError as error:
            raise FieldError(f"{name}: {error}") from None
    if "recipient" not in values:
        raise FieldError("recipient: is missing")
    values.setdefault("id", None)
    values["id"] = values["id"] or default_id()
    return OutboundMessage(**values, metadata=metadata)


def _text(word: object, _: int) -> str:
    if isinstance(word, bool) or not isinstance(word, str | int):
        raise ValueError("must be a text")
    text = str(word)
    if _SURROGATE.search(text):
        raise ValueError("holds octets that are not UTF-8, or half of a character")
    return text


def _stripped(word: object, now_ms: int) -> str:
    return _text(word, now_ms).strip()


def _whole(word: object, _: int) -> int:
    if isinstance(word, int) and not isinstance(word, bool):
        return word
    if isinstance(word, str) and re.fullmatch(r"\s*\d{1,9}\s*", word):
        return int(word)
    raise ValueError("must be a whole number")


def _flag(word: object, _: int) -> bool:
    if isinstance(word, bool):
        return word
    text = str(word).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError("must be true or false")


def _time(word: object, now_ms: int) -> int:
    if isinstance(word, bool) or not isinstance(word, str | int):
        raise ValueError("must be a time")
    return moment(str(word), now_ms)


def _hex(word: object, _: int) -> bytes:
    try:
        return bytes.fromhex(str(word))
    except ValueError:
        raise ValueError("must be octets in hexadecimal, two digits each") from None


def _one_of(kind: type[StrEnum]) -> Callable[[object, int], StrEnum]:
    allowed = ", ".join(member.value for member in kind)

    def read(word: object, _: int) -> StrEnum:
        try:
            return kind(str(word).strip().upper().replace("-", "_").replace(" ", "_"))
        except ValueError:
            raise ValueError(f"is none of {allowed}") from None

    return read


def _metadata(name: str, word: object) -> dict[str, str]:
    if name != METADATA:
        try:
            return {name[len(METADATA) + 1 :]: _text(word, 0)}
        except ValueError as error:
            raise FieldError(f"{name}: {error}") from None
    if not isinstance(word, Mapping) or not all(isinstance(item, str) for pair in word.items() for item in pair):
        raise FieldError("metadata: must be an object of texts; in a file with columns write metadata.<key>")
    return dict(word)


_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "to": "recipient",
        "phone": "recipient",
        "from": "sender",
        "campaign": "campaign_id",
        "meta": METADATA,
        "validity": "validity_minutes",
        "schedule_at": "scheduled_at",
    }
)
_READERS: Final[Mapping[str, Callable[[object, int], object]]] = MappingProxyType(
    {
        "priority": _one_of(Priority),
        "id": _stripped,
        "account": _stripped,
        "kind": _one_of(Kind),
        "sender": _stripped,
        "sender_ton": _whole,
        "sender_npi": _whole,
        "recipient": _stripped,
        "recipient_ton": _whole,
        "recipient_npi": _whole,
        "text": _text,
        "subject": _text,
        "voice": _stripped,
        "language": _stripped,
        "call_parameters": _text,
        "bot": _stripped,
        "payload": _hex,
        "udh": _hex,
        "coding": _one_of(Coding),
        "flash": _flag,
        "campaign_id": _stripped,
        "scheduled_at": _time,
        "expires_at": _time,
        "validity_minutes": _whole,
        "receipt": _flag,
        "comment": _text,
        "unknown_outcome": _one_of(UnknownPolicy),
        "action": _one_of(Action),
        "target_id": _stripped,
        "target_gateway_id": _stripped,
    }
)
