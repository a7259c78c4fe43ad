"""Ids of published events: the same fact gives the same id, so a consumer can drop a repeat."""

from hashlib import sha1
from typing import Final
from uuid import UUID

_NAMESPACE: Final = UUID("a2f1c1f0-5a3c-5c58-9f0e-6f1b6f0f5d11").bytes
_SEPARATOR: Final = "\x1f"
_VARIANT: Final = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}


def event_id(*parts: object) -> str:
    """A UUID of version 5 over the parts as text; None counts as empty. The order and the number of parts matter."""
    name = _SEPARATOR.join(["" if part is None else str(part) for part in parts])
    text = sha1(_NAMESPACE + name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    # RFC 4122, section 4.3: the version in one digit, the variant in the upper bits of another.
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"
