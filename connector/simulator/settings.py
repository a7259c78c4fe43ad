"""The gateway's settings: listeners, logins, and the variants of its own rules that only the real one can tell.

Every default is what gateway.md says, or the reading it tells to take; the fields that play another reading say so.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from connector import document
from connector.simulator.inbound import fault_of
from connector.simulator.script import IdForm, Script

Status = Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
Seconds = Annotated[float, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65535)]


class SimulatorSettingsError(ValueError):
    """The settings file cannot be used; the message names the field, what was found and what is allowed."""


class _Room(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scope(StrEnum):
    """How far a guard looks: over the whole login, over one host of the gateway, or over one bind."""

    LOGIN = "login"
    HOST = "host"
    BIND = "bind"


class DuplicateSettings(_Room):
    """Two identical requests within the window: the second is rejected."""

    enabled: bool = True
    window: Seconds = 60.0
    status: Status = 0x00000045  # ESME_RSUBMITFAIL; gateway.md names none
    scope: Scope = Scope.LOGIN
    throttled_arm: bool = False
    refused_arm: bool = False
    rejected_extend: bool = False
    ignores: frozenset[Literal["source", "data_coding", "esm_class", "concatenation"]] = frozenset()


class FloodSettings(_Room):
    """More than `limit` messages to one number, each less than `gap` seconds after the one before: the rest blocked."""

    enabled: bool = True
    limit: Annotated[int, Field(ge=1)] = 50
    gap: Seconds = 30.0
    blocked_as: Literal["receipt", "refusal"] = "receipt"
    status: Status = 0x000000FE  # not the duplicate's: gateway.md names neither
    blocked_extend: bool = True


class PartsSettings(_Room):
    """All parts of a composite message within `within` seconds, or a refusal, err 241, or both."""

    enabled: bool = True
    within: Seconds = 60.0
    late: Literal["refusal_and_receipt", "refusal", "receipt"] = "refusal_and_receipt"
    status: Status = 0x000000FE  # as above


class AccountSettings(_Room):
    """One login. `speed` counts submit_sm per second over all its binds."""

    system_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=15)]
    password: SecretStr
    speed: Annotated[int, Field(ge=1)] = 30
    single: bool = False
    iso: bool = False
    most_binds: Annotated[int, Field(ge=1, le=9)] = 9
    over_most: Literal["kick", "refuse"] = "kick"

    @field_validator("password")
    @classmethod
    def _printable(cls, password: SecretStr) -> SecretStr:
        text = password.get_secret_value()
        if not (text.isascii() and text.isprintable()):
            raise ValueError("only printable ASCII is accepted")
        return password


class TlsSettings(_Room):
    """The TLS listeners' certificate; with `client_ca_file` a client must show one of its own."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None


class RecordSettings(_Room):
    """What is kept of what reached the gateway.

    `keep` "full" holds every PDU in memory, "counts" only the numbers. `file` gets a JSON line for each event, at the
    latest `flush_interval` seconds after it and at the end.
    """

    keep: Literal["full", "counts"] = "full"
    file: Path | None = None
    flush_interval: Seconds = 0.25


class SimulatorSettings(_Room):
    """Everything about the gateway, and its play (`script`). Times are seconds; a status is a command_status.

    Ports: 0 chooses one, None does not listen; the TLS ports need `tls`. Access list: `allowed_networks` None registers
    everybody, a `stranger` is closed at once or refused at its bind. `kick` is how a bind ends for a newer one.
    `deliver_*`: deliver_sm unanswered for so long, or refused for now, are sent again; so many may be unanswered.
    `most_pending`: submit_sm unanswered on one bind, beyond it `pending_status`. `throttled_count`: whether throttled
    submit_sm count for the speed. `id_form`: of message ids in responses, and in receipts whose plan names no other.
    `receipt_*`: zone of the dates in receipts, and whether they hold seconds. `remembered_messages`: for query_sm.
    `version_5`: what a bind in SMPP 5.0 gets, `version_5_status` where it is refused. `congestion`: whether the answers
    on such a bind tell how near the login is to its speed.
    """

    host: str = "127.0.0.1"
    port: Port = 0
    backup_port: Port | None = 0
    tls_port: Port = 0
    backup_tls_port: Port | None = 0
    tls: TlsSettings | None = None
    system_id: Annotated[str, Field(max_length=15)] = "GATEWAY"
    seed: int = 1
    accounts: tuple[AccountSettings, ...] = (AccountSettings(system_id="demo", password=SecretStr("demo")),)

    allowed_networks: tuple[IPv4Network | IPv6Network, ...] | None = None
    stranger: Literal["close", "refuse"] = "close"
    kick: Literal["close", "unbind"] = "close"

    version_5: Literal["taken", "taken_as_3_4", "refused", "silent", "closed"] = "taken"
    version_5_status: Status = 0x0000000D
    congestion: bool = False

    idle_timeout: Seconds | None = 120.0
    bind_timeout: Seconds = 30.0
    enquire_interval: Seconds | None = None
    deliver_timeout: Seconds = 60.0
    deliver_window: Annotated[int, Field(ge=1)] = 300
    deliver_retry: Seconds = 5.0
    most_pending: Annotated[int, Field(ge=1)] | None = None
    pending_status: Status = 0x00000014

    throttled_count: bool = False
    throttle_status: Status = 0x00000058
    duplicates: DuplicateSettings = DuplicateSettings()
    flood: FloodSettings = FloodSettings()
    parts: PartsSettings = PartsSettings()

    message_payload: bool = True
    echo_user_message_reference: bool = False
    first_message_id: Annotated[int, Field(ge=0)] = 854019
    id_form: IdForm = IdForm.DECIMAL
    receipt_utc_offset_minutes: Annotated[int, Field(ge=-840, le=840)] = 0
    receipt_seconds: bool = False
    remembered_messages: Annotated[int, Field(ge=1)] = 200_000

    record: RecordSettings = RecordSettings()
    script: Script = Script()

    @model_validator(mode="after")
    def _playable(self) -> Self:
        check_inbound(self.script, self.accounts)
        return self

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        names = [account.system_id for account in self.accounts]
        if len(set(names)) != len(names):
            raise ValueError("accounts: every system_id may stand once only")
        if not names:
            raise ValueError("accounts: at least one login is needed")
        return self


def check_inbound(script: Script, accounts: Iterable[AccountSettings]) -> None:
    """Raises ValueError for an inbound message that cannot be sent, which names the field and holds no text."""
    iso = {account.system_id: account.iso for account in accounts}
    for number, inbound in enumerate(script.inbound):
        fault = fault_of(inbound, iso)
        if fault is not None:
            raise ValueError(f"script.inbound.{number}.{fault}")


def load_settings(path: Path) -> SimulatorSettings:
    """Read a YAML file. Raises `SimulatorSettingsError` naming every wrong field, never a value that may be secret."""
    try:
        raw = document.read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SimulatorSettingsError(f"{path}: cannot be read: {type(error).__name__}") from error
    except document.RepeatedKey as error:
        fault = f"the key of line {error.first} stands once more in its section; put both together, or leave one out"
        raise SimulatorSettingsError(f"{path}, line {error.line}: {fault}") from None
    except document.UNREADABLE:
        raise SimulatorSettingsError(f"{path}: is not YAML; check the indentation and the quotes") from None
    try:
        return SimulatorSettings.model_validate({} if raw is None else raw)
    except ValidationError as error:
        faults = "; ".join(_explain(fault) for fault in error.errors(include_url=False, include_context=False))
        raise SimulatorSettingsError(f"{path}: {faults}") from None


_PRIVATE = frozenset({"comment", "destination", "login", "octets", "password", "source", "system_id", "text"})
"""What these fields hold is not shown, even where it is wrong."""
_SHOWN_CHARACTERS = 100


def _explain(fault: Mapping[str, Any]) -> str:
    """One wrong field, with what was found unless that may be a login, a number or a text."""
    steps = [str(step) for step in fault["loc"]]
    where = ".".join(step if step.replace("-", "_").isidentifier() or step.isdigit() else "<...>" for step in steps)
    found = fault["input"]
    plain = isinstance(found, bool | int | float | str | None) and fault["type"] not in ("missing", "extra_forbidden")
    if not plain or _PRIVATE.intersection(steps) or "password" in str(found):
        return f"{where or 'file'}: {fault['msg']}"
    return f"{where or 'file'}: found {repr(found)[:_SHOWN_CHARACTERS]}; {fault['msg']}"
