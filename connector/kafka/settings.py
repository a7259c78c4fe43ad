"""How to reach Kafka and the schema registry, and how long topics keep what is in them.

Rule: what is valid here can be used as it is; every refusal names the field and what is allowed. Passwords come as a
value or as the path of a file, and never show. Next station: `clients` and `registry`, which connect with it.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

# Kafka refuses names over 249 characters; the longest of ours needs 40 of them.
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{0,200}")
_SERVER: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_URL: Final = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")

Milliseconds = Annotated[int, Field(ge=1)]
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class Protocol(StrEnum):
    """How the connection is secured."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def tls(self) -> bool:
        return self in (Protocol.SSL, Protocol.SASL_SSL)

    @property
    def sasl(self) -> bool:
        return self in (Protocol.SASL_PLAINTEXT, Protocol.SASL_SSL)


class Mechanism(StrEnum):
    """How the password is proven."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _secret(value: SecretStr | None, file: Path | None) -> str | None:
    """The password from wherever it is. Raises OSError for a file that cannot be read."""
    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    return None if value is None else value.get_secret_value()


def _file_exists(path: Path | None) -> Path | None:
    if path is None:
        return path
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        # Without the path: it may be a password that stands in the wrong field.
        raise ValueError(f"cannot read the file ({error.strerror or type(error).__name__})") from error


class SecuritySettings(_Settings):
    """`protocol` says which of the others are needed: SASL_* the mechanism, user and password, *SSL the TLS files."""

    protocol: Protocol = Field(default=Protocol.PLAINTEXT, description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")
    mechanism: Mechanism = Field(default=Mechanism.SCRAM_SHA_512, description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
    username: str | None = Field(default=None, description="user, for SASL")
    password: SecretStr | None = Field(default=None, description="its password; or password_file")
    password_file: Path | None = Field(default=None, description="file that holds the password")
    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities to trust; the system's own where it is left out"
    )
    cert_file: Path | None = Field(default=None, description="client certificate in PEM")
    key_file: Path | None = Field(default=None, description="private key of the client certificate, in PEM")
    key_password: SecretStr | None = Field(default=None, description="password of the private key")
    key_password_file: Path | None = Field(default=None, description="file that holds the password of the key")

    _readable = field_validator("password_file", "ca_file", "cert_file", "key_file", "key_password_file")(_file_exists)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file: give one of them")
        if self.key_password is not None and self.key_password_file is not None:
            raise ValueError("key_password and key_password_file: give one of them")
        if self.protocol.sasl and (not self.username or (self.password is None and self.password_file is None)):
            raise ValueError(f"protocol {self.protocol} needs username and either password or password_file")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        if not self.protocol.tls and (self.ca_file or self.cert_file):
            raise ValueError(f"ca_file, cert_file and key_file are for SSL and SASL_SSL, not for {self.protocol}")
        return self

    def secret(self) -> str | None:
        """The password, read from its file now. Raises OSError."""
        return _secret(self.password, self.password_file)

    def key_secret(self) -> str | None:
        """The key's password, read from its file now. Raises OSError."""
        return _secret(self.key_password, self.key_password_file)


class RegistrySettings(_Settings):
    """A schema registry with Confluent's API. `auto_register` registers the schemas of what is written; without it
    they are looked up, and a missing one is a fault."""

    url: str = Field(description="address of the registry, Confluent's API")
    username: str | None = Field(default=None, description="user, where the registry asks for one")
    password: SecretStr | None = Field(default=None, description="its password; or password_file")
    password_file: Path | None = Field(default=None, description="file that holds the password")
    ca_file: Path | None = Field(default=None, description="PEM file of the authority to trust")
    auto_register: bool = Field(
        default=True, description="register the schemas at start; without it they are looked up"
    )
    timeout: Annotated[float, Field(gt=0, le=120)] = Field(default=10.0, description="seconds to wait for an answer")

    _readable = field_validator("password_file", "ca_file")(_file_exists)

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        # Strictly, and without quoting it: what stands in no user's place may be a password all the same.
        if "@" in url:
            raise ValueError("the user and the password go into username and password, not into the address")
        if _URL.fullmatch(url) is None:
            raise ValueError("allowed is http://host, https://host, with a :port and a /path where they are needed")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file: give one of them")
        if self.username and self.password is None and self.password_file is None:
            raise ValueError("username needs either password or password_file")
        return self

    def secret(self) -> str | None:
        """The password, read from its file now. Raises OSError."""
        return _secret(self.password, self.password_file)


class RetentionSettings(_Settings):
    """How long topics keep what is in them, in milliseconds.

    `ledger_ms` bounds how long a message may wait and still be recognised after a restart; `deliveries_ms` how far
    back the join of receipts can be rebuilt.
    """

    outbound_ms: Milliseconds = Field(default=7 * DAY_MS, description="outbound events")
    lanes_ms: Milliseconds = Field(
        default=7 * DAY_MS, description="messages in the lanes: at least as long as a mailing may wait"
    )
    ledger_ms: Milliseconds = Field(default=7 * DAY_MS, description="the ledger")
    deliveries_ms: Milliseconds = Field(default=7 * DAY_MS, description="what receipts are joined from")
    results_ms: Milliseconds = Field(default=7 * DAY_MS, description="the published topics")
    dead_letters_ms: Milliseconds = Field(default=30 * DAY_MS, description="dead letters")


class KafkaSettings(_Settings):
    """One cluster. `min_insync_replicas` None is one fewer than the replicas, and at least one."""

    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="brokers to begin with, host:port, commas between"
    )
    topic_prefix: str = Field(default="sms.", description="every topic name and group begins with it")
    client_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = Field(
        default="sms-connector", description="name of this client in the brokers' logs"
    )
    security: SecuritySettings = Field(default=SecuritySettings(), description="how the connection is secured")
    registry: RegistrySettings | None = Field(
        default=None,
        description="schema registry: url, username, password_file, ca_file, auto_register",
    )
    replication_factor: Annotated[int, Field(ge=1, le=9)] = Field(
        default=1, description="replicas of the topics that are created"
    )
    min_insync_replicas: Annotated[int, Field(ge=1, le=9)] | None = Field(
        default=None, description="replicas that must have a record; one fewer than all where left out"
    )
    outbound_partitions: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=6, description="partitions of the outbound topic when it is created"
    )
    deliveries_partitions: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=6, description="partitions of the deliveries topic when it is created"
    )
    results_partitions: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=6, description="partitions of the published topics when they are created"
    )
    retention: RetentionSettings = Field(
        default=RetentionSettings(), description="how long topics keep their records, in milliseconds"
    )
    # At most what Kafka itself allows by default, and as much as a record is ever read with. At least what the stages
    # write among themselves: frames of 256 KiB, rows of the collector's tables of 512 KiB, each with a head.
    max_record_bytes: Annotated[int, Field(ge=655_360, le=1 << 20)] = Field(
        default=1 << 20,
        description="the largest outbound record that is taken; not below 655360, as the stages write records so large",
    )
    session_timeout: Annotated[float, Field(ge=6, le=300)] = Field(
        default=10.0, description="seconds without a heartbeat after which Kafka gives a stage's partitions to another"
    )
    heartbeat_interval: Annotated[float, Field(ge=0.5, le=60)] = Field(
        default=3.0, description="seconds between heartbeats"
    )
    rebalance_timeout: Annotated[float, Field(ge=6, le=900)] = Field(
        default=30.0, description="seconds a member has to join again in a rebalance"
    )
    request_timeout: Annotated[float, Field(ge=1, le=300)] = Field(
        default=30.0, description="seconds to wait for the answer to a request"
    )

    @field_validator("bootstrap_servers")
    @classmethod
    def _servers(cls, servers: str) -> str:
        for server in servers.split(","):
            match = _SERVER.fullmatch(server.strip())
            if match is None or not 0 < int(match[2]) < 65_536:
                raise ValueError("allowed is host:port, or several of them with commas between")
        return servers

    @field_validator("topic_prefix")
    @classmethod
    def _prefix(cls, prefix: str) -> str:
        if _PREFIX.fullmatch(prefix) is None:
            raise ValueError("allowed are up to 200 of the characters Kafka takes: letters, digits, '.', '_' and '-'")
        return prefix

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.heartbeat_interval * 2 > self.session_timeout:
            raise ValueError("heartbeat_interval may be half of session_timeout at most")
        if self.rebalance_timeout < self.session_timeout:
            # A shorter one puts a member out while its lease still counts (see `Consumer.lease_age`).
            raise ValueError("rebalance_timeout may not be shorter than session_timeout")
        if self.min_insync_replicas is not None and self.min_insync_replicas > self.replication_factor:
            raise ValueError("min_insync_replicas may be replication_factor at most")
        return self

    @property
    def servers(self) -> list[str]:
        return [server.strip() for server in self.bootstrap_servers.split(",")]
