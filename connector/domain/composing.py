"""What a message says on the wire: the text of its kind's submit_sm, or its octets.

The rule: the gateway tells kinds apart by the first characters of the text, so a message whose own words would turn it
into another kind, cut it at a comment or move one of its fields is refused, never sent as something else. Source:
gateway.md, "Message kinds: what the text carries". Next station: `kinds`, with the rules of addresses and times.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, NamedTuple

from connector.domain.messages import Kind, OutboundMessage
from connector.domain.parts import CONCAT_8, CONCAT_16, UdhError, parse_udh
from connector.domain.text import MOST_PARTS, USER_DATA, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a message is not sent: `code` is a stable kebab-case word, `reason` a sentence for a person.

    The reason never holds the text, a number or a code.
    """

    code: str
    reason: str


class RefusedMessage(ValueError):
    """The message cannot be sent as it is; report `refusal`, do not try again."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.reason}")
        self.refusal = refusal


COMMENT_MARK: Final = "\n~~~\n"
"""Ends what the subscriber gets: a comment follows, or a call's parameters. The first one in a text counts."""

VOICES: Final = ("m", "m2", "m3", "m4", "w", "w2", "w3", "w4")
DEFAULT_VOICE: Final = "m3"

WAP_PUSH_UDH: Final = bytes.fromhex("0605040b8423f0")
"""Ports 2948 (WAP push) and 9200 (WSP), 16 bit each: the header of a push that brings none (WAP-259-WDP)."""


class Row(NamedTuple):
    """One kind: its mark, and which of the event's special fields it has a place for."""

    mark: str
    fields: frozenset[str]


_SPECIAL: Final = ("subject", "voice", "language", "call_parameters", "bot", "payload", "udh", "flash", "comment")


def _row(mark: str, *fields: str) -> Row:
    return Row(mark, frozenset(fields))


ROWS: Final[Mapping[Kind, Row]] = MappingProxyType(
    {
        Kind.SMS: _row("", "flash", "comment"),
        Kind.BINARY: _row("", "payload", "udh"),
        Kind.WAP_PUSH: _row("", "payload", "udh"),
        Kind.EMAIL: _row("__MAIL__", "subject", "comment"),
        Kind.VOICE: _row("__CALL__", "voice", "language", "call_parameters"),
        Kind.VIBER: _row("__VIBER__", "comment"),
        Kind.SOCIAL: _row("__SOC__", "comment"),
        Kind.TELEGRAM_CODE: _row("__TGM__", "comment"),
        Kind.TELEGRAM_BOT: _row("__BOT__", "bot", "comment"),
        Kind.HLR: _row("__HLR__"),
        Kind.PING: _row("__PING__"),
    }
)

MARKS: Final = tuple(row.mark for row in ROWS.values() if row.mark)
_OCTET_MARKS: Final = tuple(mark.encode() for mark in MARKS)
_OCTET_COMMENT_MARK: Final = COMMENT_MARK.encode()

OCTET_KINDS: Final = frozenset((Kind.BINARY, Kind.WAP_PUSH))
"""Kinds that carry octets instead of a text."""

ANSWER_KINDS: Final = frozenset((Kind.HLR, Kind.PING))
"""Kinds without a text, whose only result is the receipt. Their mark is the whole of it, so no comment can follow."""

_CODE: Final = re.compile(r"[0-9]{4,8}")
_LANGUAGE: Final = re.compile(r"[a-z]{2}")
_BOT: Final = re.compile(r"@?[A-Za-z0-9_]{1,64}")


class Body(NamedTuple):
    """What goes into short_message.

    `text` is what the subscriber gets, with the kind's mark and fields; `tail` the comment or the call's parameters
    behind it, mark included. Or `octets` with `udh` for the kinds that have no text.
    """

    text: str = ""
    tail: str = ""
    octets: bytes | None = None
    udh: bytes = b""

    def __repr__(self) -> str:
        sizes = f"text=<{len(self.text)}>, tail=<{len(self.tail)}>, udh=<{len(self.udh)}>"
        return f"Body({sizes}, octets={'<' + str(len(self.octets)) + '>' if self.octets is not None else None})"


def body_of(message: OutboundMessage, *, replace_typography: bool = False) -> Body | Refusal:
    """The body of a message of any kind.

    `replace_typography` makes quotes, dashes and blanks of text, subject and comment plain beforehand: they share one
    alphabet. What it leaves is judged. The parameters of a call are no prose and stay as they are.
    """
    kind = message.kind
    misplaced = _misplaced(message)
    if misplaced is not None:
        return misplaced
    if kind in OCTET_KINDS:
        return _octets(message)
    if replace_typography:
        message = _plain(message)
    text = message.text or ""
    if kind in ANSWER_KINDS:
        if text:
            return Refusal(code="text-not-allowed", reason=f"a message of kind {kind} carries no text")
        return Body(ROWS[kind].mark)
    if not text or text.isspace():
        return Refusal(code="text-empty", reason="the text is missing, empty or only blanks")
    if kind is Kind.SMS:
        found: str | Refusal = _unmarked(text)
    else:
        found = _marked(message, kind, text)
    if isinstance(found, Refusal):
        return found
    # The mark that the gateway finds first must be the one that is put there on purpose.
    if "~~~" in found and (found + COMMENT_MARK).find(COMMENT_MARK) != len(found):
        return Refusal(
            code="text-holds-comment-mark",
            reason="a line of three tildes in the text would make a comment of what follows it",
        )
    return Body(found, _tail(message.call_parameters if kind is Kind.VOICE else message.comment))


def compose(message: OutboundMessage) -> str | bytes:
    """The whole text of the submit_sm, or the octets of BINARY and WAP_PUSH. Raises `RefusedMessage`."""
    body = body_of(message)
    if isinstance(body, Refusal):
        raise RefusedMessage(body)
    return body.text + body.tail if body.octets is None else body.octets


def _misplaced(message: OutboundMessage) -> Refusal | None:
    """A field that this kind has no place for would be lost without a word."""
    if not (
        message.subject
        or message.voice
        or message.language
        or message.call_parameters
        or message.bot
        or message.payload
        or message.udh
        or message.flash
        or message.comment
    ):
        return None
    allowed = ROWS[message.kind].fields
    names = [name for name in _SPECIAL if name not in allowed and getattr(message, name)]
    if not names:
        return None
    return Refusal(
        code="field-not-of-kind",
        reason=f"a message of kind {message.kind} has no place for: {', '.join(names)}",
    )


def _plain(message: OutboundMessage) -> OutboundMessage:
    given = (message.text, message.subject, message.comment)
    text, subject, comment = (words and plain(words) for words in given)
    return (
        message if (text, subject, comment) == given else replace(message, text=text, subject=subject, comment=comment)
    )


def _tail(text: str | None) -> str:
    return COMMENT_MARK + text if text else ""


def _unmarked(text: str) -> str | Refusal:
    if "__" in text:
        start = text.lstrip().upper()
        found = next((mark for mark in MARKS if start.startswith(mark)), None)
        if found is not None:
            reason = f"the text starts with {found}, the mark of another message kind, and would be sent as that kind"
            return Refusal(code="text-starts-with-mark", reason=reason)
    return text


def _marked(message: OutboundMessage, kind: Kind, text: str) -> str | Refusal:
    field = ""
    match kind:
        case Kind.EMAIL:
            subject = message.subject or ""
            if not subject or subject.isspace():
                return Refusal(code="subject-missing", reason="an e-mail needs a subject")
            if "\n" in subject or "\r" in subject:
                return Refusal(code="subject-of-several-lines", reason="the subject of an e-mail is one line")
            field = "\nsubj:" + subject
        case Kind.VOICE:
            voice = message.voice or DEFAULT_VOICE
            if voice not in VOICES:
                return Refusal(code="voice-unknown", reason=f"the voice is none of {', '.join(VOICES)}")
            if message.language:
                if not _LANGUAGE.fullmatch(message.language):
                    return Refusal(code="language-unknown", reason="the language is a code of two small letters, as en")
                voice = f"{voice},{message.language}"
            field = "\nvoice:" + voice
        case Kind.TELEGRAM_BOT:
            bot = message.bot or ""
            if not _BOT.fullmatch(bot):
                reason = "the name of the bot is missing, or has other characters than letters, digits and underscores"
                return Refusal(code="bot-name", reason=reason)
            field = "\nbot:@" + bot.removeprefix("@")
        case Kind.TELEGRAM_CODE:
            if not _CODE.fullmatch(text):
                return Refusal(code="code-not-4-to-8-digits", reason="a Telegram code is 4 to 8 digits")
        case _:
            pass
    if field:
        name = field[: field.index(":") + 1]
        if name in text:
            reason = f"a line of the text starts with {name[1:]} and would be taken for that field"
            return Refusal(code="text-holds-field", reason=reason)
    return f"{ROWS[kind].mark}: {text}{field}"


def _octets(message: OutboundMessage) -> Body | Refusal:
    payload = message.payload or b""
    if message.text:
        if payload:
            return Refusal(code="payload-twice", reason="give the octets as payload or as hexadecimal text, not both")
        digits = message.text.strip()
        if len(digits) % 2:
            return Refusal(code="binary-odd-hex", reason="the hexadecimal text has an odd number of digits")
        try:
            payload = bytes.fromhex(digits)
        except ValueError:
            return Refusal(code="binary-not-hex", reason="the text of a binary message is not hexadecimal")
    udh = message.udh or (WAP_PUSH_UDH if message.kind is Kind.WAP_PUSH else b"")
    if not payload and not message.udh:
        return Refusal(code="payload-empty", reason=f"a message of kind {message.kind} needs octets")
    refusal = _udh_fault(udh, len(payload))
    if refusal is not None:
        return refusal
    # Coding 1 is "ISO-8859-1 text, or binary data" to the gateway: octets can spell a mark as well as a text can.
    if payload.lstrip()[:16].upper().startswith(_OCTET_MARKS) or _OCTET_COMMENT_MARK in payload:
        reason = "the octets spell the mark of a message kind or of a comment and would be taken for it"
        return Refusal(code="payload-holds-mark", reason=reason)
    return Body(octets=payload, udh=udh)


def _udh_fault(udh: bytes, size: int) -> Refusal | None:
    if not udh and size <= USER_DATA:
        return None
    elements: tuple[tuple[int, bytes], ...] = ()
    if udh:
        try:
            parsed = parse_udh(udh)
        except UdhError as error:
            return Refusal(code="udh-malformed", reason=f"the user data header is malformed: {error}")
        if parsed.length != len(udh):
            reason = f"the user data header has {len(udh)} octets, its own length says {parsed.length}"
            return Refusal(code="udh-malformed", reason=reason)
        if len(udh) > USER_DATA:
            return Refusal(code="udh-too-long", reason=f"a user data header has at most {USER_DATA} octets")
        elements = parsed.elements
    if len(udh) + size <= USER_DATA:
        return None
    if any(identifier in (CONCAT_8, CONCAT_16) for identifier, _ in elements):
        reason = "the octets need several parts, but the header says already which part of a message they are"
        return Refusal(code="udh-is-a-part", reason=reason)
    room = USER_DATA - 7 - max(len(udh) - 1, 0)
    if room < 1:
        return Refusal(code="udh-too-long", reason="the user data header leaves no room for the octets")
    if -(-size // room) > MOST_PARTS:
        return Refusal(code="payload-too-long", reason=f"the octets need more than {MOST_PARTS} parts")
    return None
