"""What the three clients share: how to connect, and whose errors become which of ours.

Rule: aiokafka is imported by this file, `producer`, `consumer`, `lease`, `assignor` and `admin`; nothing of it leaves
them. Next station: `clients`, under which the rest of the project imports them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiokafka import errors as theirs

from connector.kafka.settings import KafkaSettings
from connector.kafka.tls import ssl_context
from connector.kafka.values import (
    ClientClosed,
    KafkaError,
    KafkaRefused,
    KafkaUnavailable,
    PartitionLost,
    RecordTooLarge,
    TopicMissing,
)

_REFUSED = (
    theirs.AuthenticationFailedError,
    theirs.AuthenticationMethodNotSupported,
    theirs.ClusterAuthorizationFailedError,
    theirs.GroupAuthorizationFailedError,
    theirs.IllegalSaslStateError,
    theirs.IncompatibleBrokerVersion,
    theirs.InvalidConfigurationError,
    theirs.InvalidGroupIdError,
    theirs.InvalidPartitionsError,
    theirs.InvalidReplicationFactorError,
    theirs.InvalidSessionTimeoutError,
    theirs.InvalidTopicError,
    theirs.PolicyViolationError,
    theirs.SaslAuthenticationFailed,
    theirs.SecurityDisabled,
    theirs.TopicAuthorizationFailedError,
    theirs.UnrecognizedBrokerVersion,
    theirs.UnsupportedSaslMechanismError,
    theirs.UnsupportedVersionError,
)
_LOST = (
    theirs.CommitFailedError,
    theirs.IllegalGenerationError,
    theirs.IllegalStateError,
    theirs.RebalanceInProgressError,
    theirs.UnknownMemberIdError,
)
_CLOSED = (theirs.ConsumerStoppedError, theirs.ProducerClosed)
_TOO_LARGE = (theirs.MessageSizeTooLargeError, theirs.RecordTooLargeError, theirs.RecordListTooLargeError)


METADATA_MS: Final = 10_000
"""How old a client's view of topics and partitions may be. A group's leader shares out what it sees, and a broker that
has just come back may tell it of no topics at all: then the whole group stands still until the next look."""


def connection(settings: KafkaSettings, client: str) -> dict[str, Any]:
    """The arguments that every aiokafka client takes; `client` tells ours apart in the broker's logs."""
    security = settings.security
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.servers,
        "client_id": f"{settings.client_id}-{client}",
        "security_protocol": security.protocol.value,
        "ssl_context": ssl_context(settings),
        "request_timeout_ms": int(settings.request_timeout * 1000),
        "metadata_max_age_ms": METADATA_MS,
    }
    if security.protocol.sasl:
        try:
            password = security.secret()
        except OSError as error:
            raise KafkaRefused("kafka.security.password_file cannot be read") from error
        arguments |= {
            "sasl_mechanism": security.mechanism.value,
            "sasl_plain_username": security.username,
            "sasl_plain_password": password,
        }
    return arguments


def translated(error: BaseException, doing: str) -> KafkaError:
    """Ours for one of theirs; chain it to the original. `doing` says what was tried, such as "write a record"."""
    name = type(error).__name__
    if isinstance(error, KafkaError):
        return error
    if isinstance(error, _TOO_LARGE):
        return RecordTooLarge(f"could not {doing}: it is over the limit of the topic or of kafka.max_record_bytes")
    if isinstance(error, (theirs.UnknownTopicOrPartitionError, AssertionError)):
        # aiokafka asserts that a partition exists.
        return TopicMissing(f"could not {doing}: the topic or the partition does not exist; create the topics")
    if isinstance(error, _REFUSED):
        return KafkaRefused(f"could not {doing}: Kafka refuses ({name})")
    if isinstance(error, _LOST):
        return PartitionLost(f"could not {doing}: the group has moved on ({name})")
    if isinstance(error, _CLOSED):
        return ClientClosed(f"could not {doing}: the client was stopped")
    return KafkaUnavailable(f"could not {doing}: Kafka does not answer as it should ({name})")


@contextmanager
def door(doing: str) -> Iterator[None]:
    """Lets none of aiokafka's errors through."""
    try:
        yield
    except (theirs.KafkaError, theirs.ConsumerStoppedError, OSError, TimeoutError, AssertionError) as error:
        raise translated(error, doing) from error
