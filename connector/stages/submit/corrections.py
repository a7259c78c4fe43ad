"""What an unknown outcome turned out to be: an answer that came after the part had been given up.

The rule: the outcome that was decided is published as it is; the correction follows as an event of its own. Pure.
Comes from: `slot`; next station: the journal, like any settled work.
"""

from connector.stages.submit.work import Part, PartState, Work
from connector.translate import Verdict


class Corrections:
    """The works of a slot whose unknown outcome is known now, and not yet told."""

    def __init__(self) -> None:
        self._works: list[Work] = []

    def late(self, part: Part, verdict: Verdict, gateway_message_id: str, status: int, now_ms: int) -> None:
        """An answer to a part that was given up."""
        work = part.work
        if work.ancillary:
            return
        taken = verdict is Verdict.ACCEPTED or (verdict is Verdict.DUPLICATE and part.doubted)
        if not taken and part.attempts > 1:
            return  # of the attempt before it nobody knows
        part.state = PartState.ACCEPTED if taken else PartState.REJECTED
        part.gateway_message_id = gateway_message_id if verdict is Verdict.ACCEPTED else None
        part.command_status, work.responded_at = status, now_ms
        if not any(other.state is PartState.UNKNOWN for other in work.parts) and work not in self._works:
            self._works.append(work)

    def due(self) -> list[Work]:
        """Those whose unknown outcome is published, settled anew and to be written down."""
        ready = [work for work in self._works if work.published]
        self._works = [work for work in self._works if not work.published]
        for work in ready:
            work.correction, work.recorded, work.published = True, False, False
            work.result = None
            work.settle_by_parts()
        return [work for work in ready if work.result is not None]
