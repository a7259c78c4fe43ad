"""The faults that a chaos run draws from, as a table: what each needs of the machine and how long it may last.

Times are in seconds, and matched to the configuration of `place`: a session time-out of 6 s, a gateway that is given
up after 4 s of silence, and 45 s in which an identical request may be repeated. Next station: `faults`.
"""

from enum import Enum, StrEnum
from typing import Final


class Need(StrEnum):
    """What not every machine has."""

    TOXIPROXY = "toxiproxy"


_PLAIN: Final[frozenset[Need]] = frozenset()
_PROXY: Final = frozenset({Need.TOXIPROXY})


class Fault(Enum):
    """Name, what it needs, the shortest and longest time it lasts, and how often it is drawn beside the others."""

    # Processes. What dies is started again after the time.
    KILL = ("kill -9", _PLAIN, (0.0, 3.0), 3)
    KILL_ALL = ("kill -9 of a whole stage", _PLAIN, (0.0, 3.0), 3)
    ROLLING = ("rolling restart", _PLAIN, (0.5, 2.0), 3)
    ZOMBIE = ("zombie", _PLAIN, (7.0, 11.0), 3)
    STANDSTILL = ("standstill", _PLAIN, (0.5, 4.0), 3)
    # Past the 45 s after which nobody may ask again, and past the minute in which all parts must go.
    STAGE_AWAY = ("a stage away for a minute", _PLAIN, (48.0, 65.0), 1)
    OLD_ZOMBIE = ("zombie of a minute", _PLAIN, (48.0, 65.0), 1)
    # Kafka.
    BROKER_KILLED = ("broker killed", _PLAIN, (0.0, 6.0), 4)
    BROKER_FROZEN = ("broker frozen", _PLAIN, (1.0, 12.0), 4)
    BROKER_AWAY = ("broker away for a minute", _PLAIN, (48.0, 65.0), 1)
    # The gateway.
    GATEWAY_AWAY = ("gateway away for a minute", _PLAIN, (48.0, 65.0), 1)
    HOST_DOWN = ("host down", _PLAIN, (2.0, 12.0), 1)
    HOSTS_DOWN = ("both hosts down", _PLAIN, (1.0, 8.0), 1)
    RESET = ("connections reset", _PLAIN, (0.5, 5.0), 1)
    SILENT = ("connections silent", _PLAIN, (1.0, 10.0), 1)
    THROTTLING = ("throttling", _PLAIN, (1.0, 6.0), 1)
    QUEUE_FULL = ("queue full", _PLAIN, (1.0, 6.0), 1)
    RESPONSES_LOST = ("responses lost", _PLAIN, (1.0, 5.0), 1)
    RESPONSES_LATE = ("responses late", _PLAIN, (1.0, 5.0), 1)
    CUT_AT_RESPONSE = ("cut at the response", _PLAIN, (1.0, 4.0), 1)
    LOST_ON_THE_WAY = ("requests lost on the way", _PLAIN, (1.0, 4.0), 1)
    KICKED = ("binds kicked", _PLAIN, (0.5, 4.0), 1)
    # The network between.
    KAFKA_LATENCY = ("latency to Kafka", _PROXY, (2.0, 10.0), 1)
    KAFKA_RESET = ("resets to Kafka", _PROXY, (0.5, 5.0), 1)
    KAFKA_TIMEOUT = ("nothing through to Kafka", _PROXY, (2.0, 14.0), 1)
    KAFKA_SLOW_CLOSE = ("slow close to Kafka", _PROXY, (1.0, 6.0), 1)
    KAFKA_BANDWIDTH = ("narrow way to Kafka", _PROXY, (2.0, 10.0), 1)
    KAFKA_ONE_WAY = ("nothing back from Kafka", _PROXY, (2.0, 14.0), 1)
    GATEWAY_LATENCY = ("latency to the gateway", _PROXY, (2.0, 10.0), 1)
    GATEWAY_RESET = ("resets to the gateway", _PROXY, (0.5, 5.0), 1)
    GATEWAY_TIMEOUT = ("nothing through to the gateway", _PROXY, (2.0, 14.0), 1)
    GATEWAY_SLOW_CLOSE = ("slow close to the gateway", _PROXY, (1.0, 6.0), 1)
    GATEWAY_BANDWIDTH = ("narrow way to the gateway", _PROXY, (2.0, 10.0), 1)
    GATEWAY_ONE_WAY = ("nothing back from the gateway", _PROXY, (2.0, 14.0), 1)

    def __init__(self, word: str, needs: frozenset[Need], lasts: tuple[float, float], weight: int) -> None:
        self.word = word
        self.needs = needs
        self.lasts = lasts
        self.weight = weight
