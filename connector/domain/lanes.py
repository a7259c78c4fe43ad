"""Whose turn it is: strict precedence of the lanes, and a small share for those below so that they never stop.

Rule: `pick` only answers, `sent` accounts; between the two the submit stage may find that there is no token. What
counts is PDUs, the parts of a message one by one. Next station: the bind of the picked message.
"""

from collections.abc import Collection
from math import inf

from connector.domain.messages import Lane


class LanePicker:
    """Urgent before normal before bulk; but a lane that waits while others send earns `share` of what they send, and
    goes first when it has earned a whole PDU.

    So over any stretch in which a lower lane waits it gets at least its share, less one message. A lane that had
    nothing to send keeps no claim from that time.
    """

    __slots__ = ("_earned", "_order", "_share")

    def __init__(self, order: Collection[Lane] = tuple(Lane), *, share: float = 0.05) -> None:
        """`share` is of each lower lane alone; together they may not claim more than half. Raises ValueError."""
        if not 0 <= share * (len(order) - 1) <= 0.5:
            raise ValueError("the shares of the lower lanes are 0 to one half together")
        self._order = tuple(order)
        self._share = share
        self._earned = dict.fromkeys(self._order, 0.0)

    def pick(self, waiting: Collection[Lane]) -> Lane | None:
        """The lane whose message goes next, of those that have one; None where none has."""
        first: Lane | None = None
        claim: Lane | None = None
        most = -inf
        for lane in self._order:
            if lane not in waiting:
                continue
            if first is None:
                first = lane
            elif self._earned[lane] >= 1.0 and self._earned[lane] > most:
                claim, most = lane, self._earned[lane]
        return claim or first

    def sent(self, lane: Lane, waiting: Collection[Lane], pdus: int = 1) -> None:
        """So many PDUs of `lane` were sent while the lanes `waiting` had something to send (that one included)."""
        ahead = any(other in waiting for other in self._order[: self._order.index(lane)])
        for other in self._order[1:]:
            if other not in waiting and other is not lane:
                self._earned[other] = 0.0
            elif other is lane:
                # Only what went ahead of a higher lane is paid for; its own turn is free, and ends the claim.
                self._earned[lane] = self._earned[lane] - pdus if ahead else 0.0
            else:
                self._earned[other] += self._share * pdus
