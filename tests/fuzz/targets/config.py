"""The configuration: a config, or one error with the field named; never a traceback, never a secret.

An input is a JSON object: `text` is the file, `environ` the environment. A secret is a word with `MARK` in it wherever
a password belongs.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from connector.config import ConfigError, dump, load
from connector.stages.settings import AccountSettings, StageConfig
from tests.fuzz.mutating import damaged

MARK: Final = "hunter2"
PREFIX: Final = "SMS_CONNECTOR__"
HUGE: Final = "<a number too long to write down>"
ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 5, 10, 300, 1 << 31, 1 << 64, HUGE, 0.5, 1e308, float("inf"), float("nan")),
    *("", "x", "main", "0", "1", "yes", "\0", "a\0b", "\ud800", "логин", "[", "{", "/", "/nowhere/file.pem", "x" * 300),
    *([], [1], ["a", "b"], [[]], {}, {"a": 1}, {"enabled": True}, {1: 2}),
)
WORDS: Final = (
    *(
        b": ",
        b"- ",
        b"\n",
        b"\n  ",
        b"#",
        b"[",
        b"]",
        b"{",
        b"}",
        b"&a ",
        b"*a",
        b"!!binary ",
        b"!!set {a}",
        b"!!python/name:os",
    ),
    *(
        b"<<: ",
        b"0x" + b"F" * 5000,
        b"2026-99-99",
        b"2026-01-01",
        b"~",
        b'"',
        b"'",
        b"|",
        b">",
        b"\t",
        b"\xff",
        b"? ",
        b"%",
    ),
    *(f"password:{MARK}".encode(), f"password: {MARK}".encode(), f"http://me:[{MARK}]@host".encode(), b"accounts: 5\n"),
)


@cache
def folder() -> tempfile.TemporaryDirectory[str]:
    """Where the file stands; it goes with the process."""
    return tempfile.TemporaryDirectory()


def document(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A file of the corpus, damaged as text, or a tree with odd values under the right keys; and the environment."""
    found = json.loads(rng.choice(seeds))
    if rng.random() < 0.4:
        octets = damaged(rng, found["text"].encode("utf-8", "surrogatepass"), words=WORDS)
        found["text"] = octets.decode("utf-8", "replace")
    else:
        # Most of JSON is YAML.
        found["text"] = json.dumps(tree(rng, StageConfig)).replace(f'"{HUGE}"', "0x" + "F" * 5000)
    if rng.random() < 0.3:
        found["environ"] = dict(variables(rng))
    return json.dumps(found).encode()


def tree(rng: Random, model: type[BaseModel]) -> dict[str, Any]:
    """Some of a section's keys, most with values near the right ones."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if model is StageConfig and name == "accounts":
            found[name] = [tree(rng, AccountSettings) for _ in range(rng.choice((0, 1, 1, 2)))]
        elif field.is_required() or rng.random() < 0.15:
            found[name] = value(rng, name, field)
    if rng.random() < 0.05:
        found[rng.choice(("x", "", f"password:{MARK}", "\ud800", "name"))] = rng.choice((None, 1))
    return found if rng.random() < 0.97 else rng.choice(ODD)


def value(rng: Random, name: str, field: FieldInfo) -> Any:
    if "password" in name and rng.random() < 0.7:
        return rng.choice((MARK, MARK + "é", f"[{MARK}", [MARK], {MARK: 1}, {"a": MARK}))
    default = field.get_default(call_default_factory=True) if not field.is_required() else None
    if isinstance(default, BaseModel) and rng.random() < 0.9:
        return tree(rng, type(default))
    if name == "registry" and rng.random() < 0.8:
        return {
            "url": rng.choice(
                (f"http://me:{MARK}@host", f"http://[{MARK}]", f"http://a{MARK}℀b:password@c", "http://a")
            )
        }
    if rng.random() < 0.5:
        plain = default.get_secret_value() if isinstance(default, SecretStr) else default
        if isinstance(plain, bool | int | float | str | None):
            return plain
    return rng.choice(ODD)


def variables(rng: Random) -> Iterator[tuple[str, str]]:
    sections = (
        "KAFKA",
        "KAFKA__SECURITY",
        "ACCOUNTS",
        "ACCOUNTS__MAIN",
        "ACCOUNTS__MAIN__TLS",
        "LANES",
        "",
        "SUBMIT__X__Y",
    )
    for _ in range(rng.choice((1, 2, 3))):
        name = rng.choice(("PASSWORD", "KEY_PASSWORD", "RATE", "RULES", "TLS", "BOOTSTRAP_SERVERS", ""))
        secret = "PASSWORD" in name
        values = (
            (MARK, f"[{MARK}", f"{{{MARK}: 1}}") if secret else ("", "5", "[1, 2]", "[{", "{a: 1}", "[" * 3000, "0x10")
        )
        yield PREFIX + "__".join(filter(None, (rng.choice(sections), name))), rng.choice(values)


def check(octets: bytes) -> None:
    try:
        given = json.loads(octets)
        text, environ = given["text"], given["environ"]
    except (ValueError, KeyError, TypeError):
        return
    path = Path(folder().name) / "connector.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    secret = only_secret(text)
    try:
        config = load(path, environ)
    except ConfigError as error:
        message = str(error)
        message.encode()  # it goes to a terminal
        assert message.strip(), "a person wants to know"
        assert error.__cause__ is None, "what is chained may quote a secret"
        assert error.__context__ is None or error.__suppress_context__, "what is chained may quote a secret"
        for line in message.splitlines():
            assert line.startswith((str(path), PREFIX)), "no file and no variable is named"
        assert not secret or MARK not in message, "a secret shows"
        return
    shown = dump(config)
    shown.encode()
    assert not secret or MARK not in shown, "a secret shows"
    assert MARK not in repr(config) or not secret, "a secret shows"


def only_secret(text: str) -> bool:
    """Whether the mark stands nowhere but where a password belongs, or beside the word."""
    try:
        parsed = yaml.safe_load(text)
    except Exception:
        return True  # nothing of what cannot be read may be shown
    seen: set[int] = set()

    def secretive(key: object) -> bool:
        return isinstance(key, str) and ("password" in key or "url" in key)

    def fit(node: Any, private: bool) -> bool:
        if isinstance(node, dict | list | set):
            if id(node) in seen:
                return True
            seen.add(id(node))
        if isinstance(node, dict):
            return all(
                fit(inner, private or secretive(key)) and fit(key, private or secretive(key))
                for key, inner in node.items()
            )
        if isinstance(node, list | set):
            return all(fit(inner, private) for inner in node)
        return private or not isinstance(node, str) or MARK not in node or "password" in node

    return fit(parsed, False)
