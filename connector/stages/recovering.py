"""Faust's recovery of tables, taught to ask again where Kafka did not answer in time.

Faust takes a time-out for its own end: it asks where the changelogs end, and if that takes longer than the request
time-out its recovery is over without a word. The stage would stay a member of its group, answer every probe, and never
read again (measured: each time that a broker is away for so long while tables are recovered). Next station: `worker`,
whose app recovers with this.
"""

import logging

from faust.tables import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from mode.services import WaitArgT
from mode.utils.times import Seconds

log = logging.getLogger(__name__)


class PatientRecovery(Recovery):  # type: ignore[misc]  # Faust's classes come without types
    """Begins again after a time-out, as it does after a rebalance."""

    # Below Faust's, whose level `worker` sets; not its own name, which mode would replace by this module's.
    logger = logging.getLogger("faust.stage.recovery")

    async def _wait(self, coro: WaitArgT, timeout: Seconds | None = None) -> None:
        try:
            await super()._wait(coro, timeout)
        except ServiceStopped:
            if self.should_stop:
                raise
            log.warning("Kafka did not tell in time how far the tables are; asking again")
            self.signal_recovery_start.set()
            raise RebalanceAgain from None


class PatientTables(TableManager):  # type: ignore[misc]  # Faust's classes come without types
    """What the app keeps its tables with."""

    logger = logging.getLogger("faust.stage.tables")

    _recovery: PatientRecovery | None = None

    @property
    def recovery(self) -> PatientRecovery:
        """See `PatientRecovery`."""
        if self._recovery is None:
            self._recovery = PatientRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
