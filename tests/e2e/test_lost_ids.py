"""Responses lost with their connection: the messages are not sent twice, and their receipts find them all the same."""

from pathlib import Path

from connector.domain.events import DeliveryReport, SubmitResponse
from connector.embedded.kafka import EmbeddedKafka
from connector.simulator.script import Broken, Cut, Receipts, Script, SubmitRule, When
from tests.support.evidence import collected, numbered
from tests.support.world import world


async def test_a_lost_id_comes_back_with_the_receipt(tmp_path: Path, kafka: EmbeddedKafka, prefix: str) -> None:
    """The gateway takes the message and the connection breaks; the identical request is rejected as a duplicate, which
    says that it was accepted. The receipt supplies the id, and the outcome is corrected."""
    script = Script(
        submits=(SubmitRule(when=When(every=5, limit=3), reply=Broken(cut=Cut.BEFORE)),),
        receipts=Receipts(delay=2.0),
    )
    async with world(
        tmp_path,
        kafka.bootstrap_servers,
        prefix,
        speed=20,
        script=script,
        account={"reconnect_min": 0.1, "reconnect_max": 0.2},
        collect=collected(tmp_path),
    ) as made:
        await made.start("route", "express", "submit", "collect")
        sent = numbered(30)
        await made.send(sent)
        responses = await made.events(
            SubmitResponse, made.topics.submit_responses, lambda found: sum(each.correction for each in found) >= 3
        )
        reports = await made.events(
            DeliveryReport,
            made.topics.delivery_reports,
            lambda found: len({each.message_id for each in found if each.message_id}) >= len(sent),
        )
        submits = made.simulator.record.submits()
        await made.stop()
    first = {each.message_id: each for each in responses if not each.correction}
    corrected = {each.message_id: each for each in responses if each.correction}
    ids = {each.message_id: each.pdu.destination_addr for each in submits if each.accepted}
    assert len(ids) == len(set(ids.values())), "nothing was accepted twice"
    assert all(first[name].gateway_message_id is None for name in corrected)
    assert all(ids[each.gateway_message_id or ""] == each.recipient for each in corrected.values())
    assert {each.message_id for each in reports if each.match == "matched"} == {each.id for each in sent}
