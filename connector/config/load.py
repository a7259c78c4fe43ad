"""One tree of settings: a YAML file, then environment variables, then secret files; each later source wins.

`SMS_CONNECTOR__KAFKA__BOOTSTRAP_SERVERS=...` overrides `kafka.bootstrap_servers`; accounts are overridden by name:
`SMS_CONNECTOR__ACCOUNTS__MAIN__PASSWORD=...` (upper case, dots and dashes written as underscores). A password is better
given as a file (`password_file`), which is how Kubernetes mounts secrets. Libraries for this read the environment too,
but none of them can override one account in a list, so these few lines are ours.
"""

import os
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

from pydantic import BaseModel, ValidationError

from connector import document
from connector.config import files
from connector.stages.settings import AccountSettings, StageConfig

PREFIX = "SMS_CONNECTOR__"

_SECRET_WORDS = ("password", "system_id", "secret", "login", "username")
# What may hold a user and a password in its midst, whole or mangled.
_ADDRESSES = ("url", "otlp_endpoint")
_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)(/[A-Za-z0-9_.-]+)+")

# What pydantic says of a value where a section, a list or a table should stand.
_OF_SECTIONS = ("model_type", "model_attributes_type", "dict_type", "list_type", "tuple_type", "invalid_key")
_NAME = re.compile("[A-Za-z0-9_.-]{0,64}")
_LARGE = 10**40
_SHOWN_CHARACTERS = 200

Tree = dict[str, Any]
"""A document as YAML gives it, before the models have seen it."""

Place = tuple[int | str, ...]
"""Where a field stands: keys, and the numbers of accounts."""


class ConfigError(Exception):
    """The configuration cannot be used; the message names each field, what was found and what is allowed."""


def load(path: Path | None, environ: Mapping[str, str] | None = None) -> StageConfig:
    """Reads the file (none: defaults and environment only) and checks all of it; raises `ConfigError`."""
    tree = _read(path) if path is not None else {}
    where = f"{path}: " if path is not None else ""
    _told_apart(tree, where)
    variables = _override(tree, environ if environ is not None else os.environ)
    _drop_empty(tree, StageConfig)
    try:
        config = StageConfig.model_validate(tree)
    except ValidationError as error:
        lines = [
            f"{_variable_of(item['loc'], variables) or where}{_explain(item)}"
            for item in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join(lines)) from None
    unusable = [f"{where}{fault}" for fault in files.faults(config)]
    if unusable:
        raise ConfigError("\n".join(unusable))
    return config


def _read(path: Path) -> Tree:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `connector config --example` prints one to start from") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.__class__.__name__}); it must be a UTF-8 text file"
        ) from None
    try:
        tree = document.read(text)
    except document.RepeatedKey as error:
        raise ConfigError(f"{path}, line {error.line}: {_repeated(error)}") from None
    except document.UNREADABLE as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{line}: not valid YAML; check the indentation and the quotes there") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        found = "a list" if isinstance(tree, list) else "a single value"
        raise ConfigError(f"{path}: holds {found}, but must hold sections such as `kafka:` and `accounts:`")
    return tree


def _repeated(error: document.RepeatedKey) -> str:
    return (
        f"the key `{_key(error.key)}` stands twice in one section, first in line {error.first}; it may stand "
        "once: put both together, or leave one out"
    )


def _drop_empty(tree: Tree, model: type[BaseModel]) -> None:
    """A section whose keys are all commented out reads as null; it means the same as no section."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True) if not field.is_required() else None
        if isinstance(default, BaseModel) and name in tree:
            if tree[name] is None:
                del tree[name]
            elif isinstance(tree[name], dict):
                _drop_empty(tree[name], type(default))
    accounts = tree.get("accounts") if model is StageConfig else None
    for account in accounts if isinstance(accounts, list) else ():
        if isinstance(account, dict):
            _drop_empty(account, AccountSettings)


def _told_apart(tree: Tree, where: str) -> None:
    """A variable would override the first of two accounts whose names it writes alike, be it meant for the other."""
    accounts = tree.get("accounts")
    found: dict[str, str] = {}
    for account in accounts if isinstance(accounts, list) else ():
        name = account.get("name") if isinstance(account, dict) else None
        if isinstance(name, str) and found.setdefault(_environment_name(name), name) != name:
            first, written = found[_environment_name(name)], _environment_name(name).upper()
            raise ConfigError(
                f"{where}accounts: {_named_part(first)} and {_named_part(name)} have one name in the environment, "
                f"{PREFIX}ACCOUNTS__{_named_part(written)}; names must differ in more than case, dots, dashes and "
                "underscores: rename one of them"
            )


def _override(tree: Tree, environ: Mapping[str, str]) -> dict[Place, str]:
    """Which variable has set what."""
    return {
        _set(tree, name, name[len(PREFIX) :].lower().split("__"), value): name
        for name, value in sorted(environ.items())
        if name.startswith(PREFIX)
    }


def _variable_of(place: Place, variables: Mapping[Place, str]) -> str:
    """Names the variable that a wrong field comes from, for the beginning of a line; empty where it is the file."""
    name = next((name for at, name in variables.items() if at == place[: len(at)]), None)
    return "" if name is None else f"{PREFIX}{'__'.join(_key(key) for key in name[len(PREFIX) :].split('__'))}: "


def _set(tree: Tree, name: str, keys: list[str], value: str) -> Place:
    here: Any = tree
    place: list[int | str] = []
    for depth, key in enumerate(keys[:-1]):
        if isinstance(here, list):
            among, here = here, _named(here, key, name)
            place.append(next(number for number, each in enumerate(among) if each is here))
        else:
            place.append(key)
            here = here.setdefault(key, [] if depth == 0 and key == "accounts" else {})
            if here is None or not isinstance(here, dict | list):
                raise ConfigError(f"{name}: {'.'.join(keys[: depth + 1])} is a single value in the file, not a section")
    if not isinstance(here, dict):
        raise ConfigError(f"{name}: names no field; write {PREFIX}ACCOUNTS__<NAME>__<FIELD>")
    here[keys[-1]] = _value(name, keys[-1], value)
    return (*place, keys[-1])


def _value(name: str, field: str, value: str) -> Any:
    """Lists and sections are written as YAML in one line; all else is taken to the letter, and a secret always is."""
    if not value.startswith(("[", "{")) or _is_secret(field):
        return value
    try:
        return document.read(value)
    except document.RepeatedKey as error:
        raise ConfigError(f"{name}: {_repeated(error)}") from None
    except document.UNREADABLE:
        # Not chained, and without its words: they quote the value, which may hold a password further in.
        raise ConfigError(f"{name}: begins like a list or a section, but is not valid YAML") from None


def _named(accounts: list[Any], key: str, name: str) -> Any:
    """The account whose name, in lower case with underscores, is `key`."""
    for account in accounts:
        if isinstance(account, dict) and _environment_name(account.get("name")) == key:
            return account
    names = (_environment_name(item.get("name")) for item in accounts if isinstance(item, dict))
    known = ", ".join(_named_part(name.upper()) for name in names)
    raise ConfigError(f"{name}: the file has no account {key.upper()}; it has: {known or 'none'}")


def _environment_name(name: object) -> str:
    return name.lower().replace("-", "_").replace(".", "_") if isinstance(name, str) else "?"


def _is_secret(name: str) -> bool:
    """Whether a field of this name may hold a login or a password, or by mistake: a password in `password_file`."""
    return any(word in name for word in _SECRET_WORDS)


def _explain(error: Mapping[str, Any]) -> str:
    """One line for one wrong field. Values are shown unless the field could hold a secret."""
    location = ".".join(_key(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"{location}: unknown key; `connector config --example` lists all of them"
    if error["type"] == "missing":
        return f"{location}: missing; it must be given"
    if not location:
        return message
    found = error.get("input")
    if error["type"] == "string_type" and isinstance(found, bool | int | float | date):
        message = "must be a text; put it between quotes"
    if error["type"] in _OF_SECTIONS or not _may_show(str(error["loc"][-1]), location, found):
        return f"{location}: {message}"
    return f"{location}: found {_short(found)}; {message}"


def _may_show(field: str, location: str, found: object) -> bool:
    """Whether a wrong value holds no login and no password. A slip of the pen makes one word of more, as
    `password:hunter2` where a section should stand or behind a lost quote, and puts a word into the wrong field."""
    if not isinstance(found, bool | int | float | str | date | NoneType):
        return False
    if isinstance(found, str) and field.endswith("_file") and _is_path(found):
        return True
    if _is_secret(location):
        return False
    return not isinstance(found, str) or not (_is_secret(found.lower()) or field in _ADDRESSES or "@" in found)


def _is_path(found: str) -> bool:
    """Whether this is the path of a file, and no password: it begins with a folder that there is."""
    parts = _PATH.fullmatch(found)
    return parts is not None and Path(parts[1]).is_dir()


def _key(part: int | str) -> str:
    """A key as it may be shown: one that is no field may have lost what stood between a field and its secret."""
    text = _named_part(part)
    found = [text.lower().find(word) + len(word) for word in _SECRET_WORDS if word in text.lower()]
    return text if not found or text in _fields() else f"{text[: min(found)]}<...>"


@cache
def _fields() -> frozenset[str]:
    """The names of all fields."""
    schema = StageConfig.model_json_schema()
    return frozenset(name for each in (schema, *schema["$defs"].values()) for name in each.get("properties", ()))


def _named_part(part: int | str) -> str:
    """A key as it may be shown: what is no name may hold a secret beside one, as in `{password:hunter2}`."""
    text = str(part)
    name = _NAME.match(text)
    return text if name is not None and name[0] == text else f"{name[0] if name is not None else ''}<...>"


def _short(found: object) -> str:
    # Python refuses to write down the digits of a very long number.
    text = "a very large number" if isinstance(found, int) and abs(found) >= _LARGE else repr(found)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
