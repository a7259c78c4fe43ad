"""The configuration as a person reads it: the effective one with its secrets masked, and an annotated example.

The example is made from the settings themselves, so it has every key, each with its description and default.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from connector.config.load import Tree
from connector.stages.settings import AccountSettings, StageConfig

MASK = "********"

_SAMPLES: dict[str, str] = {"name": "main", "system_id": "login", "password_file": "/run/secrets/smpp-password"}
"""What the example shows for account fields that have no default worth showing."""

_NONE: Mapping[str, str] = {}


def masked(config: StageConfig) -> Tree:
    """The effective configuration as plain values, every secret shown as stars."""
    return dict(_plain(config))


def _plain(value: object) -> Any:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    return str(value)


def dump(config: StageConfig) -> str:
    """The effective configuration as YAML, secrets masked."""
    return yaml.safe_dump(masked(config), sort_keys=False, allow_unicode=True)


def example() -> str:
    """A whole configuration file: what must be given stands open, every default is a comment to uncomment."""
    lines = [
        "# Configuration of the SMS connector. Every key is here; a commented one shows its default.",
        "# Environment variables override the file: SMS_CONNECTOR__KAFKA__BOOTSTRAP_SERVERS=broker:9092,",
        "# and for the account `main`: SMS_CONNECTOR__ACCOUNTS__MAIN__PASSWORD=...",
        "",
    ]
    for name, field in StageConfig.model_fields.items():
        if name == "accounts":
            lines += ["", f"# {field.description}", "accounts:", *_account()]
        else:
            lines += _field(name, field, "")
    return "\n".join(lines).rstrip() + "\n"


def _account() -> Iterator[str]:
    yield "  - name: main"
    for name, field in AccountSettings.model_fields.items():
        if name != "name":
            yield from _field(name, field, "    ", _SAMPLES)


def _field(name: str, field: FieldInfo, indent: str, samples: Mapping[str, str] = _NONE) -> Iterator[str]:
    if field.description:
        yield f"{indent}# {field.description}"
    default = field.get_default(call_default_factory=True) if not field.is_required() else None
    if isinstance(default, BaseModel):
        yield f"{indent}{name}:"
        for inner, inner_field in type(default).model_fields.items():
            yield from _field(inner, inner_field, indent + "  ")
        yield ""
    elif name in samples:
        yield f"{indent}{name}: {samples[name]}"
    else:
        value = yaml.safe_dump(_plain(default), default_flow_style=True, allow_unicode=True, width=200)
        yield f"{indent}# {name}: {value.removesuffix(chr(10)).removesuffix('...').rstrip()}"
