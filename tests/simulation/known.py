"""Faults of the product that the simulation has found, each with its cause.

Those in `STANDING` are still there: a run that shows one is told apart from a new finding by what the witness saw, and
is counted as known. The others are mended: a run that shows one of them again is a relapse, and fails like any other.
"""

from enum import StrEnum


class Known(StrEnum):
    """What is wrong, where it comes from."""

    SHARE_TAKEN_AT_ONCE = (
        "a replica that is given a slot uses its share of the rate at once, on top of what the former owner has sent "
        "within the last second; its bucket has even filled while it had no slot (account.py, repace)"
    )
    OUTCOME_WITHOUT_TRACE = (
        "an outcome without an intent (expired in its lane, id already used) is not written into the ledger, so after "
        "a restart before the commit the event is judged anew, perhaps otherwise (slot.py, _settle and _take_one)"
    )
    STALE_OUTCOME = (
        "a DONE that was begun, or waited behind a dead letter, before the slot was lost is written for as long as "
        "the broker is away, and lands after the ledger was replayed for the slot's next owner (journal.py, _note; "
        "run.py, flush_outcomes, which does not ask again after set_aside)"
    )
    REFUSED_WHILE_DOUBTED = (
        "a resend that is refused ends as rejected, although the first request may have been taken (slot.py, answered)"
    )
    UNMARKED_ELSEWHERE = (
        "AT_LEAST_ONCE sends again on another host, which may not know the request, and does not mark it as a possible "
        "duplicate (slot.py, _review_one)"
    )
    STALE_MEMORY = (
        "a slot is worked on with a ledger from before another replica owned it: a replay that ends after its "
        "assignment was revoked opens the slot all the same, and a lease that is lost in the drain before a rebalance "
        "does not close it (ownership.py, on_revoked)"
    )
    RESENT_ELSEWHERE = (
        "a doubtful part that was put back for its host goes to another one, where the bind has moved before its turn "
        "came (slot.py, _fit)"
    )
    STALLED_BEFORE_THE_WRITE = (
        "a part counts for its second from when the link is given it; a process that stands still before the link's "
        "turn to write sends it later, and within a second of what follows (run.py, _send; link.py, request)"
    )
    CANCELLATION_SWALLOWED = (
        "on Python 3.11 asyncio.wait_for loses a cancellation that comes as what it waits for is done: the pacing loop "
        "goes on, and a stage that was asked to stop keeps its slots without working on them (run.py, pace)"
    )
    CLOCK_PUT_BACK = (
        "ages are told by the wall clock: after it was put back a part may go after its minute, an unknown that was "
        "younger than the jump is young again, and what a guard holds waits for as long as the jump (wall.py)"
    )


STANDING: frozenset[Known] = frozenset()
"""Not mended: none, at present."""
