"""Receipts in a batch of the collector: matched, parked, repeated, late, polled, and rolled up from their parts.

Comes from: `collect_batch`. Decisions: `domain.joining` and `domain.rolling`; readings: `translate.receipts`.
"""

from dataclasses import replace

from connector.domain import joining, rolling
from connector.domain.events import Delivery, DeliveryReport, DeliveryType, HlrResult
from connector.domain.identity import event_id
from connector.domain.joining import Heard, Known, Messages, Parked, Waiting
from connector.domain.rolling import PartDone, Rollup
from connector.smpp.pdu import DataSm, DeliverSm, QuerySmResp
from connector.stages.collect_losses import Losses
from connector.stages.collect_polls import poll_rules, question
from connector.stages.collect_sheet import Place, Sheet, TableName, Unreadable, decoded, pdu_of
from connector.translate import (
    ReceiptError,
    guesses_ids,
    other_key,
    other_reading,
    rollup_key,
    to_polled_report,
    to_report,
)

Report = DeliveryReport | HlrResult


class Receipts:
    """Writes onto the sheet of its batch."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._losses = Losses(sheet)

    # What comes

    def submitted(self, partition: int, item: Delivery) -> None:
        """A message was taken; receipts that wait for it are matched."""
        sheet = self._sheet
        dialect = sheet.desk.dialect(item.account)
        rules = poll_rules(dialect)
        place = Place(TableName.SUBMITTED, partition, item.key.encode())
        before = sheet.messages(place)
        after = joining.submitted(
            item,
            before,
            guessed=guesses_ids(dialect),
            now_ms=sheet.now_ms,
            rules=sheet.desk.joins,
            poll_after=rules.after if rules is not None else None,
        )
        if after is not before:
            sheet.put(place, after)
        waiting_place = Place(TableName.WAITING, partition, place.key)
        waiting = sheet.waiting(waiting_place)
        if waiting is None:
            return
        left: list[Parked] = []
        for receipt in waiting.receipts:
            try:
                if not self._matched(place, receipt.receipt, pdu_of(receipt.receipt), told=receipt.told):
                    left.append(receipt)
            except Exception as error:
                sheet.set_aside(receipt.receipt, sheet.origin(partition), error)
        if len(left) < len(waiting.receipts):
            sheet.put(waiting_place, replace(waiting, receipts=tuple(left)) if left else None)

    def received(self, partition: int, item: Delivery, pdu: DeliverSm | DataSm) -> None:
        """A receipt: its message is known, or it waits."""
        sheet = self._sheet
        if item.by_recipient:
            self._losses.found(partition, item, pdu)
            return
        if self._matched(Place(TableName.SUBMITTED, partition, item.key.encode()), item, pdu, told=False):
            return
        place = Place(TableName.WAITING, partition, item.key.encode())
        heard, waiting = joining.parked(
            item,
            joining.mark_of(self._report(item, pdu, None).event_id),
            joining.copy_of(item),
            sheet.waiting(place),
            now_ms=sheet.now_ms,
            rules=sheet.desk.joins,
        )
        if waiting is not None:
            sheet.put(place, waiting)
        sheet.receipts[item.account, "parked" if waiting is not None else heard.value] += 1

    def polled(self, partition: int, item: Delivery) -> None:
        """The answer to a query_sm. What it says was told, or it refuses: then it was an attempt, and no more."""
        sheet = self._sheet
        place = Place(TableName.SUBMITTED, partition, item.key.encode())
        dialect = sheet.desk.dialect(item.account)
        messages = sheet.messages(place)
        known = _asked_about(messages, item)
        if messages is None or known is None:
            # Whoever stored the answer does not know by which reading of its id the message is kept.
            name = item.gateway_message_id
            other = other_reading(item.account, name, dialect, item.key) if name and not item.second_reading else None
            if other is not None:
                sheet.forward(replace(item, key=other, second_reading=True))
            sheet.receipts[item.account, "reread" if other is not None else "poll-forgotten"] += 1
            return
        sheet.desk.outstanding.answered(item.account, place.key)
        header, answer = decoded(item)
        if header.status != 0:
            sheet.receipts[item.account, "poll-refused"] += 1
            return
        if not isinstance(answer, QuerySmResp):
            raise Unreadable("pdu-unexpected", f"a {type(answer).__name__} is no query_sm_resp")
        report = to_polled_report(answer, known.submitted, dialect, account=item.account, received_at=item.at)
        heard, marks = joining.heard(known.marks, joining.mark_of(report.event_id), joining.copy_of(item))
        if heard is not Heard.NEWS or (known.final is not None and report.state == known.final):
            sheet.receipts[item.account, "poll-no-news"] += 1
            return
        if joining.is_late(known, state=report.state, at=item.at):
            report = replace(report, late=True)
        after = joining.told(known, marks, state=report.state, final=report.final, polled=True)
        self._tell(place, messages, known, after, item, report)
        sheet.receipts[item.account, "polled"] += 1

    def told(self, partition: int, item: Delivery) -> None:
        """A final state was published where the message stands under the other reading of its id: it is not asked for
        here any more, and what says the same is no news."""
        sheet = self._sheet
        place = Place(TableName.SUBMITTED, partition, item.key.encode())
        messages = sheet.messages(place)
        known = _asked_about(messages, item)
        if messages is None or known is None:
            return
        report, polled = self._read(item)
        if report.state != known.final:
            after = joining.told(known, known.marks, state=report.state, final=report.final, polled=polled)
            sheet.put(place, messages.with_(known, after), durable=known.poll_at is not None, same_items=True)

    def part_done(self, partition: int, item: Delivery) -> None:
        """A part of a message is final; once they all are, one report tells of the whole."""
        sheet = self._sheet
        if item.part is None:
            raise Unreadable("delivery-empty", "the item names no part")
        report, _ = self._read(item)
        if not isinstance(report, DeliveryReport) or report.state is None:
            raise Unreadable("pdu-unexpected", "the item's PDU is no receipt of a part")
        place = Place(TableName.SUBMITTED, partition, item.key.encode())
        before = sheet.value(place)
        part = PartDone(item.part, report.state, report.error_code, report.cost)
        rollup = rolling.part_done(
            item,
            part,
            before if isinstance(before, Rollup) else None,
            now_ms=sheet.now_ms,
            retention=sheet.desk.joins.retention,
        )
        if rollup is None:
            return
        if rollup.complete:
            sheet.publish(rolling.report_of(rollup), item.traceparent)
            sheet.receipts[item.account, "rolled-up"] += 1
            rollup = rolling.rolled(rollup)
        sheet.put(place, rollup)

    # What is due

    def due(self, place: Place, waiting: Waiting) -> None:
        """The time of what waits may be up."""
        if waiting.due_at is not None and waiting.due_at <= self._sheet.now_ms:
            self.give_up(place, waiting)

    def give_up(self, place: Place, waiting: Waiting) -> None:
        """Nobody claimed them: under the other reading of their id they are tried once more, else they are told."""
        sheet = self._sheet
        untold, after = joining.give_up(waiting)
        for receipt in untold:
            item = receipt.receipt
            try:
                pdu = pdu_of(item)
                dialect = sheet.desk.dialect(item.account)
                other = None if item.second_reading else other_key(item.account, pdu, dialect, item.key)
                if other is not None:
                    sheet.forward(replace(item, key=other, second_reading=True))
                    sheet.receipts[item.account, "reread"] += 1
                    continue
                report = self._report(item, pdu, None)
                if receipt.repeat:
                    report = _repeat(report, receipt.copy)
                else:
                    self._losses.ask(item, pdu)
                sheet.publish(report)
                sheet.receipts[item.account, "unmatched"] += 1
            except Exception as error:
                sheet.set_aside(item, sheet.origin(place.partition), error)
        sheet.put(place, after if after.expires_at > sheet.now_ms else None)

    def poll(self, place: Place) -> None:
        """Ask for the states that are overdue under one id, as far as the account may."""
        sheet = self._sheet
        messages = sheet.messages(place)
        for known in messages.known if messages is not None else ():
            account = known.submitted.account
            dialect = sheet.desk.dialect(account)
            rules = poll_rules(dialect)
            if not joining.overdue(known, now_ms=sheet.now_ms):
                continue
            messages = sheet.messages(place)
            assert messages is not None, "only a known message is asked about"
            asked = question(
                known,
                codec=sheet.desk.codec,
                topics=sheet.desk.topics,
                partition=place.partition,
                now_ms=sheet.now_ms,
            )
            if rules is None or asked is None:
                # The account asks no more, or is gone.
                sheet.put(place, messages.with_(known, replace(known, poll_at=None)), same_items=True)
                continue
            if sheet.desk.outstanding.full(account, dialect.poll_at_once, sheet.now_ms):
                continue
            sheet.ask(asked)
            sheet.desk.outstanding.asked(account, place.key, sheet.now_ms + rules.every)
            sheet.put(
                place, messages.with_(known, joining.asked(known, now_ms=sheet.now_ms, rules=rules)), same_items=True
            )
            sheet.receipts[account, "asked"] += 1

    # How it is told

    def _matched(self, place: Place, item: Delivery, pdu: DeliverSm | DataSm, *, told: bool) -> bool:
        """Publish a receipt about the message it belongs to; False where there is none.

        The marks are for this store alone: another member that takes over may publish an event again, under the same
        id, and a changelog record for each receipt is spared. Only what ends the asking is durable.
        """
        sheet = self._sheet
        messages = sheet.messages(place)
        if messages is None:
            return False
        dialect = sheet.desk.dialect(item.account)
        known = messages.of((pdu.source_addr, pdu.destination_addr), guessed=guesses_ids(dialect))
        if known is None:
            return False
        report = self._report(item, pdu, known.submitted)
        copy = joining.copy_of(item)
        heard, marks = joining.heard(known.marks, joining.mark_of(report.event_id), copy)
        if heard in (Heard.REPLAY, Heard.SURPLUS):
            sheet.receipts[item.account, heard.value] += 1
            return True
        if heard is Heard.REPEAT:
            report = _repeat(report, copy)
        elif known.final_polled and report.state == known.final and _says_no_more(report):
            report = replace(report, repeat=True)
        if told:
            # It was published as unmatched under this id already; whoever drops repeats must not drop this one.
            report = replace(report, event_id=event_id("matched", report.event_id), late=True)
        elif not report.repeat and joining.is_late(known, state=report.state, at=item.at):
            report = replace(report, late=True)
        after = joining.told(known, marks, state=report.state, final=report.final)
        self._tell(place, messages, known, after, item, report)
        sheet.receipts[item.account, "repeat" if report.repeat else "late" if report.late else "matched"] += 1
        return True

    def _tell(
        self, place: Place, messages: Messages, known: Known, after: Known, item: Delivery, report: Report
    ) -> None:
        """Publish the report and remember it. A final one is told on: to the message under the other reading of its id,
        and to the whole whose part has ended."""
        sheet, submitted = self._sheet, known.submitted
        sheet.publish(report, submitted.traceparent)
        ends_asking = known.poll_at is not None and after.poll_at is None
        sheet.put(place, messages.with_(known, after), durable=ends_asking, same_items=True)
        if not report.final:
            return
        if submitted.second_reading or after.final_polled:
            # Under the likelier reading it is asked for; under the less likely one a receipt may repeat an answer.
            name = submitted.gateway_message_id or ""
            other = other_reading(submitted.account, name, sheet.desk.dialect(submitted.account), submitted.key)
            if other is not None:
                sheet.forward(replace(submitted, type=DeliveryType.TOLD, key=other, at=item.at, pdu=item.pdu))
        whole = submitted.ids is not None and submitted.ids > 1 and submitted.message_id is not None
        if whole and not report.repeat and isinstance(report, DeliveryReport):
            sheet.forward(
                replace(
                    submitted,
                    type=DeliveryType.PART_DONE,
                    key=rollup_key(submitted.account, submitted.message_id or ""),
                    at=item.at,
                    pdu=item.pdu,
                    submitted_at=submitted.at,
                )
            )

    def _report(self, item: Delivery, pdu: DeliverSm | DataSm, submitted: Delivery | None) -> Report:
        dialect = self._sheet.desk.dialect(item.account)
        report = to_report(pdu, submitted, dialect, account=item.account, received_at=item.at)
        if isinstance(report, ReceiptError):
            raise Unreadable(report.code, report.reason)
        return report

    def _read(self, item: Delivery) -> tuple[Report, bool]:
        """What the PDU of a final state says, a receipt or the answer to a query (True)."""
        _, body = decoded(item)
        if isinstance(body, QuerySmResp):
            dialect = self._sheet.desk.dialect(item.account)
            return to_polled_report(body, item, dialect, account=item.account, received_at=item.at), True
        return self._report(item, pdu_of(item), item), False


def _asked_about(messages: Messages | None, item: Delivery) -> Known | None:
    """The message that an answer to a query_sm is about; of its parts the one with the id that was asked for."""
    about = [each for each in messages.known if each.submitted.message_id == item.message_id] if messages else []
    named = [each for each in about if each.submitted.gateway_message_id == item.gateway_message_id]
    return next(reversed(named or about), None)


def _repeat(report: Report, copy: int) -> Report:
    return replace(report, event_id=event_id("repeat", report.event_id, copy), repeat=True)


def _says_no_more(report: Report) -> bool:
    """Whether a receipt repeats what a poll has told: what query_sm_resp has no place for is news."""
    if not isinstance(report, DeliveryReport) or report.additional_status:
        return False
    return report.cost is None and report.message_type is None and report.mccmnc is None
