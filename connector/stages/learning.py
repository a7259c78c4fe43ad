"""Learning a schema from the registry, for as long as that takes.

Rule: without the schema nobody can tell what a record is, so nothing may be decided about it, and nothing behind it may
be committed. A registry that is away is waited for; a stage that ended instead would only meet it again. Comes from:
every stage that decodes outbound events.
"""

import asyncio
import logging
from typing import Final

from connector import telemetry
from connector.kafka.registry import Registry, RegistryUnavailable

log = logging.getLogger(__name__)

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 10.0


async def learn(registry: Registry, schema_id: int, *, stage: str) -> None:
    """Returns when the id is known, or known to be absent: then the codec has an answer for it.

    Asks again for ever while the registry is away; cancel it to give up. Raises `RegistryRefused` where the registry
    does not let us ask, which does not pass by itself.
    """
    wait = _FIRST_WAIT
    while True:
        try:
            return await registry.fetch(schema_id)
        except RegistryUnavailable as error:
            telemetry.count(telemetry.Metric.KAFKA_FAULTS, stage=stage, fault="registry")
            log.warning("%s; schema %d is asked for again in %.1f s", error, schema_id, wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
