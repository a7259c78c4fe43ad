"""From the gateway's receipts to the events: each form of them, ids in two bases, and reports of whole messages."""

from pathlib import Path

from connector.domain.events import DeliveryReport
from connector.embedded.kafka import EmbeddedKafka
from connector.simulator.script import Form, IdForm, Receipts, Script, SubmitRule, When
from tests.support.evidence import numbered
from tests.support.world import world

FORMS = (Form.NORMAL, Form.TEXT_ONLY, Form.TLVS_ONLY, Form.CONTRADICTING, Form.DATA_SM, Form.UNKNOWN_TLVS)


async def test_every_part_has_its_receipts_and_every_message_one_report_of_the_whole(
    tmp_path: Path, kafka: EmbeddedKafka, prefix: str
) -> None:
    """The gateway answers in hexadecimal, writes its receipts in decimal and each of them twice."""
    messages = numbered(len(FORMS), text="two parts are needed for this one " * 8)
    script = Script(
        submits=tuple(
            SubmitRule(
                when=When(destination=message.recipient),
                receipts=Receipts(form=form, id_form=IdForm.DECIMAL, copies=2),
            )
            for message, form in zip(messages, FORMS, strict=True)
        )
    )
    async with world(
        tmp_path,
        kafka.bootstrap_servers,
        prefix,
        script=script,
        simulator={"id_form": IdForm.HEX_UPPER},
        account={"single": True, "id_format": "either"},
        collect={"data_dir": str(tmp_path / "collect"), "unmatched_after_seconds": 3},
    ) as made:
        await made.start("route", "submit", "collect")
        await made.send(messages)
        reports = await made.events(
            DeliveryReport,
            made.topics.delivery_reports,
            lambda found: len({report.event_id for report in found}) >= 5 * len(messages),
        )
        await made.stop()
    by_message = {
        message.id: {report.event_id: report for report in reports if report.message_id == message.id}.values()
        for message in messages
    }
    for message, form in zip(messages, FORMS, strict=True):
        found = by_message[message.id]
        assert {(report.part, report.repeat) for report in found} == {
            *((part, repeat) for part in (1, 2) for repeat in (False, True)),
            (None, False),
        }, form
        (whole,) = [report for report in found if report.rollup]
        assert {report.state for report in found} == {whole.state}, form
        assert whole.parts_delivered == (2 if whole.state == "DELIVRD" else 0)
        disputed = {report.contradiction for report in found if not report.rollup}
        assert disputed == ({"state,error"} if form is Form.CONTRADICTING else {None}), form
    assert {report.match for report in reports} == {"matched"}
