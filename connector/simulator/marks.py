"""What a submit_sm is, by the mark its text begins with, and its comment (gateway.md, "Message kinds").

The gateway reads octets, so the marks stand here as the octets of each alphabet: in the GSM default alphabet an
underscore is 0x11. Pure; written on its own, so that a slip in the connector's composing does not hide here.
"""

from connector.domain.messages import Kind

_WORDS = {
    "__MAIL__: ": Kind.EMAIL,
    "__CALL__: ": Kind.VOICE,
    "__VIBER__: ": Kind.VIBER,
    "__SOC__: ": Kind.SOCIAL,
    "__TGM__: ": Kind.TELEGRAM_CODE,
    "__BOT__: ": Kind.TELEGRAM_BOT,
    "__HLR__": Kind.HLR,
    "__PING__": Kind.PING,
}
_LATIN1 = {word.encode("latin-1"): kind for word, kind in _WORDS.items()}
_GSM = {octets.replace(b"_", b"\x11"): kind for octets, kind in _LATIN1.items()}
_UCS2 = {word.encode("utf-16-be"): kind for word, kind in _WORDS.items()}
_TABLES = {0: _GSM, 1: _LATIN1, 2: _UCS2}

# The comment's mark is "\n~~~\n"; in the GSM default alphabet a tilde is an escape and another character.
_COMMENTS = {0: b"\n" + b"\x1b=" * 3 + b"\n", 1: b"\n~~~\n", 2: "\n~~~\n".encode("utf-16-be")}

_PORTS_16 = 0x05
_WAP_PUSH_PORT = 2948


def coding_of(data_coding: int) -> int:
    """The gateway's coding: bits 2-3 of data_coding."""
    return data_coding >> 2 & 3


def alphabet_of(data_coding: int, *, iso: bool) -> int:
    """0 GSM, 1 ISO-8859-1 or binary, 2 UCS2; coding 0 is ISO-8859-1 where system_type has ISO."""
    coding = coding_of(data_coding)
    return 1 if coding == 0 and iso else coding


def kind_of(text: bytes, data_coding: int, udh: bytes, *, iso: bool) -> Kind:
    """The kind of a message by its first octets; `udh` without its length octet, empty where there is none."""
    table = _TABLES.get(alphabet_of(data_coding, iso=iso))
    if table is not None and text[:1] in b"\x11_\x00" and text:
        for mark, kind in table.items():
            if text.startswith(mark) and (mark[-1:] == b" " or len(text) == len(mark)):
                return kind
    if udh and _opens_wap_port(udh):
        return Kind.WAP_PUSH
    if coding_of(data_coding) == 1 and any(octet < 0x20 and octet not in (0x0A, 0x0D) for octet in text):
        return Kind.BINARY
    return Kind.SMS


def comment_of(text: bytes, data_coding: int, kind: Kind, *, iso: bool) -> tuple[bytes, bytes | None]:
    """What goes to the subscriber and the comment behind its mark, None where there is none; the first mark counts.

    In a voice call what follows the mark are the call's parameters.
    """
    mark = _COMMENTS.get(alphabet_of(data_coding, iso=iso))
    if mark is None or kind in (Kind.VOICE, Kind.BINARY, Kind.WAP_PUSH):
        return text, None
    at = text.find(mark)
    while alphabet_of(data_coding, iso=iso) == 2 and at % 2 and at > 0:  # between two characters only
        at = text.find(mark, at + 1)
    return (text, None) if at < 0 else (text[:at], text[at + len(mark) :])


def _opens_wap_port(udh: bytes) -> bool:
    at = 0
    while at + 2 <= len(udh):
        element, size = udh[at], udh[at + 1]
        if element == _PORTS_16 and size == 4 and int.from_bytes(udh[at + 2 : at + 4], "big") == _WAP_PUSH_PORT:
            return True
        at += 2 + size
    return False
