"""Recognisable strings in the place of everything that must not show, and a search for them in all their forms."""

import traceback
from collections.abc import Iterator
from random import Random
from typing import NamedTuple


class Canaries(NamedTuple):
    """A subscriber's number, an e-mail address, a word of a text, a login code, a password, an IMSI, a sender."""

    number: str
    address: str
    word: str
    code: str
    password: str
    imsi: str
    sender: str

    @property
    def text(self) -> str:
        """A text that any alphabet can carry."""
        return f"dear {self.word} yours"

    def seen_in(self, shown: object) -> list[str]:
        """The canaries that show in a text or in octets, by name."""
        found = shown if isinstance(shown, str) else shown.decode("latin-1") if isinstance(shown, bytes) else str(shown)
        lower = found.lower()
        return [
            name for name, canary in self._asdict().items() if any(form in lower for form in forms_of(canary.lower()))
        ]


def forms_of(canary: str) -> Iterator[str]:
    """As it is, as UTF-16, in hex, and both at once."""
    wide = canary.encode("utf-16-be")
    yield canary
    yield wide.decode("latin-1")
    yield canary.encode().hex()
    yield wide.hex()
    # As `repr` writes octets.
    yield "\\x00".join(canary)


def hatched(seed: int) -> Canaries:
    """Canaries of this seed."""
    rng = Random(f"canaries/{seed}")
    letters = "bcdfghjkmnpqrstvwxz"

    def word(size: int) -> str:
        return "".join(rng.choice(letters) for _ in range(size))

    return Canaries(
        number=f"7999{rng.randrange(10**7):07d}",
        address=f"{word(10)}@{word(6)}.example",
        word=word(12),
        code=f"{rng.randrange(10**8):08d}",
        password=word(12),
        imsi=f"00101{rng.randrange(10**10):010d}",
        sender=f"S{word(9)}",
    )


def told_by(error: BaseException) -> str:
    """All that a log could show of an exception: its words, those of what it came from, the arguments of each."""
    lines = traceback.format_exception(error)
    here: BaseException | None = error
    while here is not None:
        lines += [repr(here), repr(here.args)]
        here = here.__cause__
    return "\n".join(lines)
