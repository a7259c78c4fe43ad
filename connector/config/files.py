"""The files that settings name, tried once at the start as every connection will use them.

Rule: a file that is there and serves for nothing is named now, with its field, and not by the first connection.
Comes from: `load`.
"""

from collections.abc import Iterator

from connector.bind import tls
from connector.bind.settings import SettingsUnreadable
from connector.kafka.tls import registry_context, ssl_context
from connector.kafka.values import KafkaRefused
from connector.stages.settings import StageConfig


def faults(config: StageConfig) -> Iterator[str]:
    """A line for each TLS file, or pair of them, that holds something else. Blocks for some milliseconds."""
    for number, account in enumerate(config.accounts):
        chosen = account.tls
        if chosen.enabled and (chosen.ca_file is not None or chosen.cert_file is not None):
            try:
                tls.context(chosen)
            except SettingsUnreadable as error:
                yield f"accounts.{number}.{error}"
    security, registry = config.kafka.security, config.kafka.registry
    try:
        if security.ca_file is not None or security.cert_file is not None:
            ssl_context(config.kafka)
    except KafkaRefused as error:
        yield str(error)
    try:
        if registry is not None and registry.ca_file is not None:
            registry_context(registry)
    except KafkaRefused as error:
        yield str(error)
