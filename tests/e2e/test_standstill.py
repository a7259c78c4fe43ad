"""The gateway is down and a mailing waits: the backlog stays in Kafka, and what is urgent goes first afterwards."""

from pathlib import Path

from connector.domain.messages import Lane
from connector.kafka.clients import Producer
from connector.kafka.settings import KafkaSettings
from connector.simulator.script import Host
from tests.e2e.standstill import FRAME, fill, gateway, line, submitter
from tests.faults.processes import StageProcess
from tests.support.kafka import make_topics
from tests.support.world import PATIENCE

LOOK_AHEAD = 400
FEW, MANY = 50_000, 200_000
# What one fetch of 512 KiB may hold beyond the look-ahead; a message takes some 200 octets in a frame.
MOST = LOOK_AHEAD + (512 << 10) // 150


async def settled(process: StageProcess, least: int) -> dict[str, int]:
    """What it holds once it reads no more."""
    before = await process.held()
    while True:
        after = await process.held()
        if after["works"] >= least and after["works"] == before["works"]:
            return after
        before = after


async def test_what_waits_takes_no_memory_and_the_urgent_goes_first(
    producer: Producer, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    """Objects are counted, memory is printed. Broken by: lanes that are not paused, or not read by precedence."""
    topics = await make_topics(kafka_settings)
    async with gateway() as simulator:
        simulator.host_down(Host.PRIMARY)
        process = submitter(kafka_settings, tmp_path, simulator.port, look_ahead=LOOK_AHEAD)
        try:
            await process.start()
            await process.ready()
            print(line("\nnothing waits", await process.held()))  # noqa: T201
            await fill(producer, topics, range(FEW))
            few = await settled(process, LOOK_AHEAD)
            print(line(f"{FEW} wait", few))  # noqa: T201
            for reached in range(FEW, MANY, FEW):
                await fill(producer, topics, range(reached, reached + FEW))
                many = await settled(process, LOOK_AHEAD)
                print(line(f"{reached + FEW} wait", many))  # noqa: T201
                assert LOOK_AHEAD <= many["works"] <= MOST
                assert many["works"] == few["works"]
                assert many["items"] <= many["works"] + FRAME
                assert many["events"] <= many["works"] + FRAME
            await fill(producer, topics, [MANY], Lane.URGENT)
            await settled(process, few["works"] + 1)
            await simulator.host_up(Host.PRIMARY)
            await simulator.until(lambda: len(simulator.record.submits()) >= 1_000, PATIENCE)
            print(line("1000 sent", await process.held()))  # noqa: T201
            assert await process.terminate() == 0
        finally:
            await process.kill()
        submits = simulator.record.submits()
    assert submits[0].pdu.destination_addr == f"7999{MANY:07}"
    assert len({each.pdu.destination_addr for each in submits}) == len(submits)
