"""The base of everything that a script is made of."""

from typing import ClassVar

from pydantic import ConfigDict


class Value:
    """Base of the script's values: a file that names an unknown field is refused, not half understood."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
