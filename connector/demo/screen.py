"""What a person sees: a live screen on a terminal, plain lines in a pipe, and the summary at the end."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from connector.demo.tally import LaneBook, Tally, percentile
from connector.domain.messages import Lane

PLAIN_EVERY = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What the submitter says of itself; None where it was not asked or did not answer."""

    rate: float | None = None
    in_flight: float | None = None


async def gauges(http: aiohttp.ClientSession, port: int) -> Gauges:
    """The submitter's own figures, from its metrics endpoint."""
    try:
        async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
            page = await answer.text()
    except (aiohttp.ClientError, TimeoutError):
        return Gauges()
    return Gauges(rate=_gauge(page, "sms_rate_current"), in_flight=_gauge(page, "sms_window_in_flight"))


def _gauge(page: str, name: str) -> float | None:
    found = re.findall(rf"^{name}[a-z_]*(?:\{{[^}}]*\}})? ([0-9.eE+-]+)$", page, re.MULTILINE)
    return sum(map(float, found)) if found else None


class Screen:
    """Shows the books while they fill. Use as a context manager."""

    def __init__(self, console: Console, tally: Tally, *, speed: int) -> None:
        self._console = console
        self._tally = tally
        self._speed = speed
        self._began = time.monotonic()
        self._said = 0.0
        self._wired = 0
        self._wired_at = self._began
        self._pace = 0.0
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, submits: int, now: Gauges) -> None:
        """Call it a few times a second; `submits` is how many PDUs the gateway has received."""
        at = time.monotonic()
        if at - self._wired_at >= 1.0:
            self._pace = (submits - self._wired) / (at - self._wired_at)
            self._wired, self._wired_at = submits, at
        if self._live is not None:
            self._live.update(self._picture(at - self._began, now))
        elif at - self._said >= PLAIN_EVERY:
            self._said = at
            self._console.print(self._line(at - self._began, now), markup=False)

    def _picture(self, seconds: float, now: Gauges) -> RenderableType:
        events = "  ".join(f"{topic} {count:,}" for topic, count in self._tally.events.items())
        window = "-" if now.in_flight is None else f"{now.in_flight:.0f}"
        head = Text(f"SMS connector demo · {seconds:4.0f} s", style="bold")
        pace = Text(f"on the wire {self._pace:,.0f} PDU/s of {self._speed:,} allowed · in flight {window}")
        return Group(head, lanes_table(self._tally), pace, Text(f"events: {events}"))

    def _line(self, seconds: float, now: Gauges) -> str:
        urgent, bulk = self._tally.lanes[Lane.URGENT], self._tally.lanes[Lane.BULK]
        return (
            f"{seconds:5.1f} s  bulk waiting {bulk.waiting:6}  answered {bulk.answered:6}  "
            f"urgent {urgent.answered}/{urgent.sent}  wire {self._pace:5.0f} PDU/s  "
            f"urgent p99 {_ms(percentile(urgent.waits, 0.99))}  receipts {bulk.receipts + urgent.receipts}"
        )


def lanes_table(tally: Tally) -> Table:
    """Lane by lane: what was sent, what waits, and how long the way to the wire took."""
    table = Table(box=None, pad_edge=False)
    for name in ("lane", "sent", "waiting", "answered", "receipts", "p50", "p99", "longest"):
        table.add_column(name, justify="left" if name == "lane" else "right")
    for lane, book in tally.lanes.items():
        if book.sent:
            table.add_row(lane.value, *_row(book))
    return table


def _row(book: LaneBook) -> Sequence[str]:
    return (
        f"{book.sent:,}",
        f"{book.waiting:,}",
        f"{book.answered:,}",
        f"{book.receipts:,}",
        _ms(percentile(book.waits, 0.5)),
        _ms(percentile(book.waits, 0.99)),
        _ms(max(book.waits, default=None)),
    )


def _ms(value: int | None) -> str:
    if value is None:
        return "-"
    return f"{value} ms" if value < 10_000 else f"{value / 1000:.1f} s"


def summary(console: Console, tally: Tally, *, faults: Sequence[str], interrupted: bool, submits: int) -> None:
    """The reckoning: latency by lane, every count from outbound to receipt, and whether it adds up."""
    console.print()
    console.print("Urgent beside bulk: from the outbound event to submit_sm at the gateway", style="bold")
    console.print(lanes_table(tally))
    console.print()
    console.print("Every event, from outbound to receipt", style="bold")
    sent = sum(book.sent for book in tally.lanes.values())
    answered = sum(book.answered for book in tally.lanes.values())
    receipts = sum(book.receipts for book in tally.lanes.values())
    books = Table(box=None, pad_edge=False, show_header=False)
    books.add_column()
    books.add_column(justify="right")
    for name, count in (
        ("outbound events", sent),
        ("submit_sm at the gateway (parts and repeats after throttling)", submits),
        ("events with their submit response", answered),
        *((f"  of these {outcome}", number) for outcome, number in sorted(tally.outcomes.items())),
        ("events with their receipt", receipts),
        ("inbound messages", tally.events["inbound"]),
        ("dead letters", tally.dead_letters),
    ):
        books.add_row(name, f"{count:,}")
    console.print(books)
    if interrupted:
        console.print(f"Interrupted: {sent - receipts:,} events were still on their way.", style="bold")
    elif faults:
        for fault in faults:
            console.print(f"NOT RECONCILED: {fault}", style="bold red", markup=False)
    else:
        console.print("Reconciled: every event has exactly one submit response and one receipt.", style="bold green")
