"""A mailing is dumped into the outbound topic at once: a login code behind it does not wait for the router."""

import signal
import time
from pathlib import Path

from connector.domain.events import LaneMessage
from connector.domain.messages import Kind, Lane, OutboundMessage, Priority
from connector.embedded.kafka import EmbeddedKafka
from tests.support.evidence import numbered
from tests.support.records import read_all
from tests.support.world import PATIENCE, world

DUMP = 200_000


async def test_an_urgent_event_overtakes_a_dump_at_the_entrance(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    """Once urgent by itself, once by the rule table, once a plain AUTO event that has to wait. Seconds are printed,
    facts asserted. Broken by: leaving express out, or sending the urgent lane behind the bulk one."""
    async with world(tmp_path, kafka.bootstrap_servers, prefix, speed=500) as made:
        await made.start("route", "express", "submit")
        await made.send(numbered(1, first=DUMP))
        await made.simulator.until(lambda: len(made.simulator.record.submits()) == 1, PATIENCE)
        # The router stands still until the dump is there, however long writing it takes.
        made.processes["route"].send_signal(signal.SIGSTOP)
        await made.send(numbered(DUMP, Priority.BULK))
        made.processes["route"].send_signal(signal.SIGCONT)
        produced = time.time_ns() // 1_000_000
        urgent = OutboundMessage(
            id="code-1", priority=Priority.URGENT, recipient="15550100001", sender="Shop", text="code"
        )
        ruled = OutboundMessage(id="code-2", recipient="15550100002", kind=Kind.TELEGRAM_CODE, text="48151")
        await made.send([urgent, ruled])
        wanted = {urgent.recipient, ruled.recipient}

        def arrived() -> bool:
            return wanted <= {each.pdu.destination_addr for each in made.simulator.record.submits()}

        await made.simulator.until(arrived, PATIENCE)
        submits = made.simulator.record.submits()
        at = {each.pdu.destination_addr: each.epoch_ms for each in submits}
        last = max(at[number] for number in wanted)
        ahead = sum(each.epoch_ms <= last and each.pdu.destination_addr not in wanted for each in submits)
        frames = await read_all(made.config.kafka, made.topics.lane(Lane.BULK))
        items = [item for frame in frames for item in made.codec.decode_frame(LaneMessage, frame.value or b"")]
        routed = sum(item.routed_at <= last for item in items)
    seconds = [f"{(at[each.recipient] - produced) / 1000:.2f} s" for each in (urgent, ruled)]
    print(  # noqa: T201
        f"dump of {DUMP}: urgent on the wire after {seconds[0]}, by the rule table after {seconds[1]}; "
        f"the router had forwarded {routed / DUMP:.0%}, {ahead} bulk were out"
    )
    assert routed < DUMP * 0.9
    assert ahead < DUMP * 0.2
