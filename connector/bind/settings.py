"""What an operator says about the binds of one account; nothing here opens a socket.

Rule: a wrong value is named by its field and never shown, and secrets that live in files are read again at every
connection, so a replaced password or certificate is taken up by the next bind. `pool` is the next station.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

PRIMARY_HOST = "smpp.smscentre.com"
BACKUP_HOST = "smpp2.smscentre.com"
PLAIN_PORT = 3700
TLS_PORT = 3443
SYSTEM_ID_LIMIT = 15
"""Characters before the NUL (SMPP 3.4, 5.2.1)."""
PASSWORD_LIMIT = 64
"""The specification (SMPP 3.4, 5.2.2) says 8, and gateways take more; what is longer than this is another file."""

MOST_CONNECTIONS = 9
"""The highest MCON number of the gateway."""

_MCON = re.compile(r"MCON[0-9]+", re.IGNORECASE)


class BindMode(StrEnum):
    """Which way one bind carries messages."""

    TRANSCEIVER = "transceiver"
    TRANSMITTER_RECEIVER = "transmitter_receiver"
    RECEIVER = "receiver"


class SettingsUnreadable(ValueError):
    """A file that the settings name cannot be used (any more): put it back, or correct the field it names."""


class Endpoint(NamedTuple):
    """One address of the gateway; `word` is how logs and status call it."""

    word: str
    host: str
    port: int


def printable_ascii(value: str) -> bool:
    """Whether a login or password holds only what the gateway accepts (gateway.md, "credentials")."""
    return bool(value) and all(" " <= character <= "~" for character in value)


def read_secret(path: Path, field: str) -> str:
    """The secret in a file without its last line end. Raises SettingsUnreadable, which names the field."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsUnreadable(f"{field}: cannot read the file ({error.strerror or 'no reason given'})") from error
    except UnicodeDecodeError as error:
        raise SettingsUnreadable(f"{field}: the file is not text") from error
    return text.removesuffix("\n").removesuffix("\r")


def system_type(*, binds: int, iso: bool = False, single: bool = False) -> str:
    """The gateway's connection parameters, comma separated (gateway.md, "system_type").

    MCON only where more than one bind shares the login. All three together are 16 characters, four more than the
    specification allows; they are sent all the same.
    """
    words = ["ISO"] if iso else []
    if single:
        words.append("SINGLE")
    if binds > 1:
        words.append(f"MCON{binds}")
    return ",".join(words)


def system_type_words(value: str) -> tuple[str, ...]:
    """The parameters that a system_type holds, as they stand there but for the blanks around them."""
    return tuple(word.strip() for word in value.split(",")) if value.strip() else ()


def _connections(value: str) -> int | None:
    """How many connections a system_type allows, None where it holds no MCON; of several numbers the lowest.

    Raises ValueError for a number that the gateway does not know.
    """
    found = [word for word in system_type_words(value) if _MCON.fullmatch(word)]
    wrong = next((word for word in found if len(word) != len("MCON1") or word.endswith("0")), None)
    if wrong is not None:
        raise ValueError(f"found {wrong.upper()}; MCON1 to MCON{MOST_CONNECTIONS} are allowed")
    return min((int(word[-1]) for word in found), default=None)


def _readable(path: Path | None) -> Path | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(f"cannot read the file ({error.strerror or 'no reason given'})") from error
    return path


def _version_word(value: object) -> object:
    # YAML reads 3.4 as a number, and 5 as a whole one.
    return f"{value:.1f}" if isinstance(value, float) or value == 5 else value


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TlsSettings(_Settings):
    """TLS of the connection: whom we trust, and who we are."""

    enabled: bool = Field(default=False, description="Speak TLS; the default port becomes 3443.")
    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities to trust; the system's own where it is left out."
    )
    cert_file: Path | None = Field(default=None, description="Client certificate in PEM; may hold the key as well.")
    key_file: Path | None = Field(default=None, description="Private key of the client certificate, in PEM.")
    key_password: SecretStr | None = Field(default=None, description="Password of the private key.")
    key_password_file: Path | None = Field(default=None, description="File that holds the password of the key.")
    server_name: str | None = Field(
        default=None, min_length=1, description="Name the certificate must carry, and SNI, where it is not the host."
    )
    verify: bool = Field(default=True, description="Check the gateway's certificate. Turn off only for an experiment.")

    _check_files = field_validator("ca_file", "cert_file", "key_file", "key_password_file")(_readable)

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file is set without cert_file: name the client certificate, or leave both out")
        if self.key_password is not None and self.key_password_file is not None:
            raise ValueError("key_password and key_password_file are both set: leave one of them out")
        return self


class BindSettings(_Settings):
    """The connections of one account. Times are seconds."""

    host: str = Field(default=PRIMARY_HOST, min_length=1, description="Primary host of the gateway.")
    port: int | None = Field(default=None, ge=1, le=65535, description="3700, or 3443 with TLS, where left out.")
    backup_host: str | None = Field(
        default=None,
        min_length=1,
        description="Host to bind to while the primary does not answer; the gateway's own where host is left as it is.",
    )
    backup_port: int | None = Field(default=None, ge=1, le=65535, description="The primary's port where left out.")
    tls: TlsSettings = Field(default_factory=TlsSettings, description="TLS of the connections.")
    system_id: str = Field(description="Login; printable ASCII.")
    password: SecretStr | None = Field(default=None, description="Password; printable ASCII. Or password_file.")
    password_file: Path | None = Field(default=None, description="File that holds the password; read at every bind.")
    bind_mode: BindMode = Field(default=BindMode.TRANSCEIVER, description="Which way the bind carries messages.")
    binds: int = Field(default=1, ge=1, le=MOST_CONNECTIONS, description="Simultaneous binds of this login (MCON).")
    system_type: str | None = Field(
        default=None,
        description="Sent as it is; composed of ISO, SINGLE and MCONn where left out. Several binds need MCONn in it.",
    )
    interface_version: Annotated[Literal["3.4", "5.0"], BeforeValidator(_version_word)] = Field(
        default="3.4", description="SMPP version to ask for; 5.0 falls back to 3.4."
    )
    window: int = Field(default=300, ge=1, le=65535, description="Requests without an answer, at most, for each bind.")
    rate: float = Field(
        default=30.0, gt=0, le=100_000, allow_inf_nan=False, description="PDUs a second of the whole account."
    )
    enquire_link_interval: float = Field(default=60.0, gt=0, description="Silence after which we ask for a sign.")
    enquire_link_timeout: float = Field(default=10.0, gt=0, description="How long we wait for that sign.")
    suspect_after: float = Field(
        default=10.0, gt=0, description="Silence after which we ask for a sign while requests wait for their answers."
    )
    response_timeout: float = Field(
        default=60.0, ge=0, description="Wait for the answer to a submit; 0 never gives up (wait_ack_expire)."
    )
    connect_timeout: float = Field(default=10.0, gt=0, description="TCP and TLS together; and again for the bind.")
    reconnect_min: float = Field(default=0.5, gt=0, description="First wait before a new attempt.")
    reconnect_max: float = Field(default=60.0, gt=0, description="Longest wait before a new attempt.")
    primary_retry_interval: float = Field(
        default=300.0, gt=0, description="How often a bind on the backup host tries to return to the primary."
    )
    permanent_refusal_wait: float = Field(
        default=300.0, gt=0, description="Wait after a refusal that will not pass by itself (login, password)."
    )
    delivery_window: int = Field(
        default=2000, ge=1, description="Deliveries read and not yet acknowledged, at most; then reading waits."
    )

    _check_password_file = field_validator("password_file")(_readable)

    @field_validator("system_id")
    @classmethod
    def _login(cls, value: str) -> str:
        if not printable_ascii(value):
            raise ValueError("only printable ASCII characters are accepted, and at least one")
        if len(value) > SYSTEM_ID_LIMIT:
            raise ValueError(f"has {len(value)} characters, at most {SYSTEM_ID_LIMIT} are allowed")
        return value

    @field_validator("password")
    @classmethod
    def _secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _check_password(value.get_secret_value())
        return value

    @field_validator("system_type")
    @classmethod
    def _parameters(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if value and not printable_ascii(value):
            raise ValueError("only printable ASCII characters are accepted")
        allowed, binds = _connections(value), info.data.get("binds", 1)
        if (allowed or 1) < binds:
            found = "no MCON" if allowed is None else f"MCON{allowed}"
            one = f"MCON{binds}" + (f" to MCON{MOST_CONNECTIONS}" if binds < MOST_CONNECTIONS else "")
            raise ValueError(f"it has {found}, and binds is {binds}; {one} is allowed, or leave system_type out")
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if (self.password is None) == (self.password_file is None):
            raise ValueError("exactly one of password and password_file must be set")
        if self.password_file is not None:
            self.secret()
        if self.backup_port is not None and self.backup_host is None:
            raise ValueError("backup_port is set without backup_host")
        if self.reconnect_max < self.reconnect_min:
            raise ValueError("reconnect_max is below reconnect_min")
        return self

    def secret(self) -> str:
        """The password as it is now. Raises SettingsUnreadable where its file is gone or holds something else."""
        if self.password is not None:
            return self.password.get_secret_value()
        assert self.password_file is not None  # the validator saw to it
        value = read_secret(self.password_file, "password_file")
        try:
            _check_password(value)
        except ValueError as error:
            raise SettingsUnreadable(f"password_file: {error}") from error
        return value

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The gateway's addresses, the primary first."""
        port = self.port or (TLS_PORT if self.tls.enabled else PLAIN_PORT)
        primary = Endpoint("primary", self.host, port)
        backup = self.backup_host
        if backup is None and "backup_host" not in self.model_fields_set and self.host == PRIMARY_HOST:
            backup = BACKUP_HOST
        if backup is None:
            return (primary,)
        return (primary, Endpoint("backup", backup, self.backup_port or port))


def _check_password(value: str) -> None:
    if not printable_ascii(value):
        raise ValueError("only printable ASCII characters are accepted, and at least one")
    if len(value) > PASSWORD_LIMIT:
        raise ValueError(f"has {len(value)} characters, at most {PASSWORD_LIMIT} are allowed")
