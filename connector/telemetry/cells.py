"""The values of the instruments: one cell for each set of labels, in this process' memory.

The SDK's own counters cost 12 microseconds an addition, 20 with two readers (measured). A message makes about ten, so
that counting would eat the message's whole budget. A cell costs half a microsecond: one look-up, one addition. Cells
count from the first moment, exported or not; `export` reads them from a thread of its own, and nothing waits for it.

Call these from the event loop's thread: an addition is not atomic between threads. Next station: `export`.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.telemetry.table import OTHER, TABLE, Kind, Metric, label_value

# A label that grows beyond this is a bug of ours or an attack; the rest is counted together.
MAX_SERIES: Final = 500

Labels = tuple[tuple[str, str], ...]


class TelemetryMisuse(TypeError):
    """A call that does not fit the table (`tests/test_rules.py` finds those before they run)."""


class Cell:
    """One series. `value` is the figure of a counter or gauge, or the sum of a histogram, with `counts` as buckets."""

    __slots__ = ("bounds", "counts", "highest", "labels", "lowest", "value")

    def __init__(self, labels: Labels, bounds: tuple[float, ...]) -> None:
        self.labels = labels
        self.value: float = 0
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.lowest = float("inf")
        self.highest = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A cell as it was at one moment. A histogram has its sum in `value`; the last of its `counts` is open-ended."""

    labels: Mapping[str, str]
    value: float
    counts: tuple[int, ...] = ()
    lowest: float = 0.0
    highest: float = 0.0


# By labels in the order of the table, and by labels as some call spelled them.
_cells: dict[Metric, dict[Labels, Cell]] = {metric: {} for metric in Metric}
_spelled: dict[Metric, dict[tuple[tuple[str, str | int], ...], Cell]] = {metric: {} for metric in Metric}


def count(metric: Metric, n: int = 1, /, **labels: str | int) -> None:
    """Adds `n` to a counter."""
    try:
        cell = _spelled[metric][tuple(labels.items())]
    except KeyError:
        cell = _open(metric, Kind.COUNTER, labels)
    cell.value += n


def gauge(metric: Metric, value: float, /, **labels: str | int) -> None:
    """Sets a gauge. Call `forget` once its subject is no longer this process' business, or the last value stays."""
    try:
        cell = _spelled[metric][tuple(labels.items())]
    except KeyError:
        cell = _open(metric, Kind.GAUGE, labels)
    cell.value = value


def record(metric: Metric, value: float, /, **labels: str | int) -> None:
    """Puts a value, in the instrument's unit (seconds), into a histogram."""
    try:
        cell = _spelled[metric][tuple(labels.items())]
    except KeyError:
        cell = _open(metric, Kind.HISTOGRAM, labels)
    cell.counts[bisect_left(cell.bounds, value)] += 1
    cell.value += value
    if value < cell.lowest:
        cell.lowest = value
    if value > cell.highest:
        cell.highest = value


def forget(metric: Metric, /, **labels: str | int) -> None:
    """Drops every series of a gauge that has these labels, for instance of a slot that moved to another replica."""
    wanted = {(name, label_value(name, value)) for name, value in labels.items()}
    gone = {key for key in _cells[metric] if wanted <= set(key)}
    for key in gone:
        del _cells[metric][key]
    _spelled[metric] = {key: cell for key, cell in _spelled[metric].items() if cell.labels not in gone}


def snapshot(metric: Metric) -> list[Series]:
    """All series of one instrument now; safe from any thread."""
    histogram = TABLE[metric].kind is Kind.HISTOGRAM
    return [
        Series(
            labels=dict(cell.labels),
            value=cell.value,
            counts=tuple(cell.counts) if histogram else (),
            lowest=cell.lowest,
            highest=cell.highest,
        )
        for cell in list(_cells[metric].values())
    ]


def value(metric: Metric, /, **labels: str | int) -> float:
    """The sum over every series that has these labels (a histogram: how many values it holds); 0 if there is none."""
    wanted = {(name, str(text)) for name, text in labels.items()}
    return sum(
        (sum(series.counts) if series.counts else series.value)
        for series in snapshot(metric)
        if wanted <= set(series.labels.items())
    )


def reset() -> None:
    """Forgets everything; for tests."""
    for metric in Metric:
        _cells[metric] = {}
        _spelled[metric] = {}


def _open(metric: Metric, kind: Kind, labels: Mapping[str, str | int]) -> Cell:
    row = TABLE[metric]
    if row.kind is not kind:
        raise TelemetryMisuse(f"{metric.name} is a {row.kind.value}, not a {kind.value}")
    if set(labels) != set(row.labels):
        raise TelemetryMisuse(f"{metric.name} takes the labels {row.labels}, not {tuple(labels)}")
    key = tuple((name, label_value(name, labels[name])) for name in row.labels)
    cells = _cells[metric]
    if key not in cells and len(cells) >= MAX_SERIES:
        key = tuple((name, OTHER) for name in row.labels)
    cell = cells.get(key)
    if cell is None:
        cell = cells[key] = Cell(key, row.bounds)
    spelled = _spelled[metric]
    if len(spelled) >= 4 * MAX_SERIES:
        spelled.clear()  # values that all end as "other" must not fill the memory
    spelled[tuple(labels.items())] = cell
    return cell
