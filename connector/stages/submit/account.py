"""Who goes next, for all binds of one account in this process: lanes by precedence, tokens, window places. Pure.

The account's rate is shared over its slots: a process that owns two of three gets two thirds, and pools it. Strict
precedence holds across all slots: no bulk part takes a token while an urgent one of any slot could go.
"""

from collections.abc import Mapping, Sequence

from connector.domain.lanes import LanePicker
from connector.domain.messages import Lane
from connector.domain.pacing import Aimd, Allowance, Congestion, RoundTrip, in_flight_target
from connector.smpp.constants import Tag
from connector.smpp.tlv import Tlvs, raw
from connector.stages.settings import AccountSettings, SubmitSettings
from connector.stages.submit.slot import Slot
from connector.stages.submit.work import Admitted, Part
from connector.translate import LearnedIds

_ROUND_TRIP_FLOOR = 0.02
"""Seconds: pacing works in ticks of about 10 ms, so a shorter round trip must not starve the window."""

_RATE_FLOOR = 0.05
_GROWTH = 0.05
"""Parts of the configured rate: how far throttling may lower it, and what it wins back in a second."""

_URGENT_SHARE = 0.02
"""Part of every second's PDUs, but at least one, that only urgent parts may use."""


class Account:
    """The slots of one account that this process owns, and their common pace."""

    def __init__(self, settings: AccountSettings, submit: SubmitSettings, *, now: float) -> None:
        self.settings = settings
        self.slots: dict[int, Slot] = {}
        self._reserve = submit.urgent_reserve
        self._picker = LanePicker(share=submit.lower_lane_share)
        self._aimd = Aimd(settings.rate, floor=settings.rate * _RATE_FLOOR, increase_per_second=settings.rate * _GROWTH)
        self._allowance = Allowance(settings.rate, now, reserve=max(1, round(settings.rate * _URGENT_SHARE)))
        self._congestion = Congestion()
        self._round_trip = RoundTrip()
        self._turn = 0
        self._sharing = 0
        self._owned = 0
        self._counts_from: dict[int, float] = {}
        self.learned = LearnedIds()
        self.load: float | None = None
        """The gateway's load as it told it, 0 to 100; None where it told nothing lately."""

    @property
    def rate(self) -> float:
        """PDUs a second that this process may submit now."""
        return self._allowance.rate

    @property
    def share(self) -> float:
        """PDUs a second that would be this process' part if the gateway never throttled."""
        return self.settings.rate * len(self.slots) / self.settings.binds

    @property
    def window(self) -> int:
        """Window places of one bind that may be taken now, by urgent parts all of them."""
        return min(self._window() + self._reserve, self.settings.window)

    @property
    def in_flight(self) -> int:
        """Parts that left, or are about to, and have no answer."""
        return sum(slot.in_flight for slot in self.slots.values())

    @property
    def starving(self) -> bool:
        """Whether something waits for a window place that an answer could have freed."""
        return any(slot.ready and slot.waiting(lane) for slot in self.slots.values() for lane in Lane)

    def open(self, slot: Slot, *, since: float, now: float) -> None:
        """A slot is ours `since` then. Its share counts a second later: what the former owner sent last is in the
        gateway's second until then."""
        slot.learned = self.learned
        self.slots[slot.number] = slot
        self._counts_from[slot.number] = since + Allowance.SECOND
        self.repace(now)

    def repace(self, now: float) -> None:
        """Takes up a changed number of slots and the recovery from throttling or congestion; call it when
        slots come or go, and a few times a second."""
        self.load = self._congestion.load(now)
        self._counts_from = {
            number: at for number, at in self._counts_from.items() if number in self.slots and at > now
        }
        owned, before = len(self.slots) - len(self._counts_from), self._owned
        self._owned, self._sharing = owned, len(self.slots)
        if not owned:
            return
        limit = self._aimd.rate(now) * owned / self.settings.binds
        if not before:
            self._allowance.restart(limit, now)
        elif limit != self._allowance.rate:
            self._allowance.change(limit, now)

    def throttled(self, now: float) -> None:
        """The gateway refused for speed or a full queue: lower the rate."""
        self._aimd.throttled(now)
        self.repace(now)

    def told(self, tlvs: Tlvs, now: float) -> None:
        """An answer carried these parameters; the gateway's load may be among them, and lower the rate."""
        octets = raw(tlvs, Tag.CONGESTION_STATE) if self.settings.heed_congestion else None
        if octets:
            self._congestion.heard(int.from_bytes(octets, "big"), now, self._aimd)
            self.repace(now)

    def answered_after(self, seconds: float) -> None:
        """One round trip was measured."""
        self._round_trip.seen(seconds)

    def admit(self, *, now: float, now_ms: int, begin: bool = True) -> list[tuple[Slot, Admitted]]:
        """The parts that may go now, in their order; each has its token and its window place.

        `begin` False: only of messages that are under way, as at the end and before a rebalance.
        Each is followed by `left` when it goes to its socket, or by `stayed` where it does not.
        """
        if len(self.slots) != self._sharing or any(at <= now for at in self._counts_from.values()):
            self.repace(now)
        if not self._owned:
            return []
        admitted: list[tuple[Slot, Admitted]] = []
        limit = self._window()
        # What has nothing fit to go now; asking again in this round would never end.
        empty: set[tuple[int, Lane]] = set()
        while True:
            open_slots = {
                lane: [
                    slot
                    for slot in self.slots.values()
                    if self._open(slot, lane, limit, begin) and (slot.number, lane) not in empty
                ]
                for lane in Lane
            }
            lanes = [lane for lane, slots in open_slots.items() if slots]
            lane = self._picker.pick(lanes)
            pressing = self._pressing(open_slots, now_ms)
            if pressing is not None:
                lane = pressing[1]
            ahead = lane is Lane.URGENT or pressing is not None
            if lane is None or self._allowance.wait(now, urgent=ahead) > 0:
                return admitted
            # The slots take turns, so that none waits behind its neighbours.
            self._turn += 1
            slot = pressing[0] if pressing is not None else open_slots[lane][self._turn % len(open_slots[lane])]
            part = slot.next_part(lane, now_ms=now_ms, begin=begin and pressing is None)
            if part is None:
                empty.add((slot.number, lane))
            else:
                self._allowance.begin(now, urgent=ahead)
                self._picker.sent(lane, lanes)
                admitted.append((slot, part))

    def _pressing(self, open_slots: Mapping[Lane, Sequence[Slot]], now_ms: int) -> tuple[Slot, Lane] | None:
        """A message of a lower lane that must be finished now, or its parts do not reach the gateway in time."""
        per_slot = self._allowance.rate / max(1, len(self.slots))
        for lane, slots in open_slots.items():
            if lane is Lane.URGENT:
                continue
            for slot in slots:
                if slot.queues[lane].pressing(now_ms=now_ms, rate=per_slot):
                    return slot, lane
        return None

    def left(self, now: float) -> None:
        """An admitted part went to its socket: from now on the gateway's second counts it."""
        self._allowance.left(now)

    def written(self, since: float, now: float) -> None:
        """What went to the sockets since then is written now."""
        self._allowance.written(since, now)

    def stayed(self) -> None:
        """An admitted part did not go."""
        self._allowance.stayed()

    def wait(self, now: float) -> float | None:
        """Seconds until a token is there for what waits, or None where nothing waits that could go."""
        limit = self._window()
        urgent = any(self._open(slot, Lane.URGENT, limit) for slot in self.slots.values())
        if not urgent and not any(self._open(slot, lane, limit) for slot in self.slots.values() for lane in Lane):
            return None
        return self._allowance.wait(now, urgent=urgent)

    def _window(self) -> int:
        """Window places of one bind that the rate needs, twice: those kept for urgent parts come on top, so that a
        low rate reaches its gateway in full."""
        per_slot = self._allowance.rate / max(1, len(self.slots))
        return in_flight_target(per_slot, max(self._round_trip.value, _ROUND_TRIP_FLOOR), self.settings.window)

    def _open(self, slot: Slot, lane: Lane, limit: int, begin: bool = True) -> bool:
        if not (slot.ready and slot.writable and slot.waiting(lane, begin=begin)):
            return False
        if lane is Lane.URGENT:
            return slot.in_flight < min(limit + self._reserve, self.settings.window)
        return slot.in_flight < max(1, min(limit, self.settings.window - self._reserve))


def sent_of(context: object) -> tuple[Slot, Part]:
    """What a bind gives back: every request of this room carries its slot and its part."""
    assert isinstance(context, tuple), "every request of this room carries a pair"
    return context
