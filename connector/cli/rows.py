"""Files of messages: CSV, TSV or JSON lines, read as they come, each row with the number of its line.

Rule: a row that cannot be read is one row less, and the file goes on; only what makes every row unreadable (no header,
an unknown column) ends it. Next station: `fields`, which makes messages of rows.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import IO, NamedTuple

from connector.cli.fields import Words, field_of, known_fields


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"


_SUFFIXES = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
}


# No column is called so: a number, a code, a sentence.
_LIKE_DATA = re.compile(r"[0-9]{4}|.{41}|\s\S+\s\S+\s")


class FileFault(ValueError):
    """Nothing of the file can be used; the message says why and what to do."""


class Row(NamedTuple):
    """One message of the file. `line` is where it begins, from 1; `fault` says why it cannot be read."""

    line: int
    words: Words
    fault: str | None = None


def format_of(path: Path) -> Format:
    """The format by the file's name. Raises `FileFault`."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise FileFault(f"the format does not show in the name {path.name!r}: give --format csv, tsv or jsonl")
    return found


def rows_of(
    lines: Iterable[str], form: Format, *, columns: Mapping[str, str], ignore_unknown: bool = False
) -> Iterator[Row]:
    """The rows of a file. `columns` maps headers (or keys), to the letter, to fields. Raises `FileFault`."""
    if form is Format.JSONL:
        return _objects(lines, columns, ignore_unknown)
    return _records(lines, "\t" if form is Format.TSV else ",", columns, ignore_unknown)


def decoded(octets: IO[bytes], told: Callable[[int], None]) -> Iterator[str]:
    """The lines of a file. `told` hears how many octets each had; what is not UTF-8 becomes a lone surrogate, which
    makes its own row unreadable and no other."""
    first = True
    for line in octets:
        told(len(line))
        yield line.decode("utf-8-sig" if first else "utf-8", "surrogateescape")
        first = False


def _records(lines: Iterable[str], delimiter: str, columns: Mapping[str, str], ignore_unknown: bool) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(reader)
    except StopIteration:
        raise FileFault("the file is empty; its first line must name the fields") from None
    except csv.Error as error:
        raise FileFault(f"line 1: {error}") from None
    fields = _fields(header, columns, ignore_unknown, delimiter)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, {}, f"is not well formed: {error}")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            yield Row(line, {}, f"has {len(cells)} columns, and the header has {len(header)}")
            continue
        yield Row(line, {field: cell for field, cell in zip(fields, cells, strict=True) if field is not None})


def _fields(header: list[str], columns: Mapping[str, str], ignore_unknown: bool, delimiter: str) -> list[str | None]:
    """The field of each column, None for one to pass over."""
    absent = [name for name in columns if name not in header]
    if absent:
        raise FileFault(f"--column names {absent[0]!r}, and the file has the columns {', '.join(map(_shown, header))}")
    fields = [columns.get(name) or field_of(name) for name in header]
    unknown = [name for name, field in zip(header, fields, strict=True) if field is None]
    if unknown and not ignore_unknown:
        if any(_LIKE_DATA.search(name) for name in unknown):
            raise FileFault(
                "line 1: holds what looks like a message, and must name the fields; "
                f"put a line of names before it. The fields are: {known_fields()}"
            )
        hint = ""
        if len(header) == 1 and re.search(r"[;,\t|]", header[0]):
            hint = f" (the columns of this format are parted by {'a tab' if delimiter == chr(9) else 'a comma'})"
        raise FileFault(
            f"line 1: the column {unknown[0]!r} is no field{hint}; map it with --column FIELD={unknown[0]}, or pass "
            f"over such columns with --ignore-unknown. The fields are: {known_fields()}"
        )
    named = [field for field in fields if field is not None]
    twice = next((field for field in named if named.count(field) > 1), None)
    if twice is not None:
        raise FileFault(f"line 1: more than one column means {twice}")
    return fields


def _shown(name: str) -> str:
    """A column's name; not what stands there when the file has no line of names."""
    return "<...>" if _LIKE_DATA.search(name) else name


class _Twice(Exception):
    """A key stands twice in one object."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of which nothing is lost: JSON itself takes the last of two equal keys."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
    return found


def _objects(lines: Iterable[str], columns: Mapping[str, str], ignore_unknown: bool) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line, object_pairs_hook=_once)
        except _Twice as error:
            yield Row(number, {}, f"has the key {_shown(error.key)!r} twice")
            continue
        except (ValueError, RecursionError):
            yield Row(number, {}, "is not JSON")
            continue
        if not isinstance(found, dict):
            yield Row(number, {}, "is no JSON object")
            continue
        words: dict[str, object] = {}
        fault = None
        for key, value in found.items():
            field = columns.get(key) or field_of(key)
            if field is not None:
                words[field] = value
            elif not ignore_unknown:
                fault = (
                    f"has the key {_shown(key)!r}, which is no field; map it with --column, or pass over such keys "
                    "with --ignore-unknown"
                )
        yield Row(number, words, fault)
