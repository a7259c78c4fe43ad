"""Recovery of tables while Kafka is slow to answer: it begins again, and ends only with its app."""

import asyncio

import pytest
from faust.tables.recovery import RebalanceAgain, ServiceStopped

from connector.kafka.settings import KafkaSettings
from connector.stages.recovering import PatientRecovery
from connector.stages.worker import StageApp, WorkerSettings


@pytest.fixture
async def recovery() -> PatientRecovery:
    """That of an app which is not started."""
    app = StageApp(WorkerSettings(group="test", kafka=KafkaSettings(), batch_records=100, commit_seconds=1.0))
    found: PatientRecovery = app.tables.recovery
    return found


async def never() -> None:
    await asyncio.Event().wait()


async def test_what_was_not_told_in_time_is_asked_again(recovery: PatientRecovery) -> None:
    """Broken by: Faust's own recovery, for which a time-out is its end, so that nothing is ever read again."""
    with pytest.raises(RebalanceAgain):
        await recovery._wait(never(), timeout=0.01)
    assert recovery.signal_recovery_start.is_set(), "and that begins it anew"


async def test_a_recovery_that_is_stopped_ends(recovery: PatientRecovery) -> None:
    recovery._stopped.set()
    with pytest.raises(ServiceStopped):
        await recovery._wait(never(), timeout=10.0)
    assert not recovery.signal_recovery_start.is_set()


async def test_a_rebalance_begins_it_anew(recovery: PatientRecovery) -> None:
    recovery.signal_recovery_start.set()
    with pytest.raises(RebalanceAgain):
        await recovery._wait(never(), timeout=10.0)
