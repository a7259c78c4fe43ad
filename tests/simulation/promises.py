"""What must hold when nothing moves any more, on the gateway's own record and the log.

`witness` has judged what could be judged at once. Here the two sides are laid beside each other: what the gateway has
taken, and what was published. Comes from: `world`.
"""

from collections import defaultdict

from connector.domain.events import Outcome, SubmitResponse
from connector.domain.messages import Action, UnknownPolicy
from connector.kafka.ledger import NOTED
from connector.simulator.record import SubmitRecord
from connector.smpp.constants import CommandStatus
from connector.stages.submit.ancillary import DONE_REASONS, IN_LANE, REPLACED_IN_LANE
from tests.simulation.deeds import Wall
from tests.simulation.known import Known
from tests.simulation.seeds import Scene
from tests.simulation.story import Key, Promise, Story, key_of
from tests.simulation.witness import Witness

_NOT_FINAL = frozenset({int(CommandStatus.ESME_RTHROTTLED), int(CommandStatus.ESME_RMSGQFUL)})
_MINUTE = 60.0


class Judge:
    """One run's evidence, at its end."""

    def __init__(self, scene: Scene, witness: Witness, taken: list[SubmitRecord], *, doubts: int) -> None:
        """`taken`: what reached the gateway. `doubts`: how often a replica died or lost slots."""
        self._scene = scene
        self._witness = witness
        self._doubts = doubts
        # An answer just before the time-out may cross it.
        self._patience = {account.name: account.response_timeout - 0.1 for account in scene.config.accounts}
        self._accepted: dict[Key, list[SubmitRecord]] = defaultdict(list)
        for record in taken:
            if record.accepted:
                self._accepted[witness.key_of(record.pdu)].append(record)

    def judge(self) -> None:
        """Accuses at the witness."""
        for story in self._witness.stories:
            self._outcome(story)
            self._parts(story)
        for key in self._accepted:
            self._twice(key)

    def _accuse(self, promise: Promise, seen: str) -> None:
        self._witness.accuse(promise, seen)

    def _outcome(self, story: Story) -> None:
        posted = story.posted
        if not posted.readable:
            if story.outcomes or not story.letters:
                self._accuse(Promise.ONE_OUTCOME, f"{story.name} cannot be read and ended as {story.outcomes}")
            return
        if story.letters or not story.outcomes:
            self._accuse(
                Promise.ONE_OUTCOME, f"{story.name} has {len(story.outcomes)} outcomes and {story.letters} letters"
            )
            return
        for _, response in story.outcomes:
            if posted.about is not None:
                self._request(story, self._witness.stories[posted.about], response)
            else:
                self._true(story, response)

    def _request(self, story: Story, target: Story, response: SubmitResponse) -> None:
        """What is told of a request is true of its message."""
        ends = {outcome.outcome for _, outcome in target.outcomes}
        if response.reason in (IN_LANE, NOTED) and ends != {Outcome.CANCELLED}:
            self._accuse(
                Promise.TRUE_OUTCOME, f"{story.name} ended as {response.reason}, and {target.name} as {sorted(ends)}"
            )
        action = story.posted.message.action
        if response.reason == DONE_REASONS[action] and action not in target.granted:
            self._accuse(Promise.TRUE_OUTCOME, f"{story.name}: the gateway has never granted {action} of {target.name}")
        if response.reason == REPLACED_IN_LANE:
            texts = {key_of(record.pdu) for record in self._accepted[target.keys[0]]}
            if texts != {target.instead}:
                self._accuse(Promise.TRUE_OUTCOME, f"{story.name} changed {target.name}, which has another text")
        asked = action is Action.QUERY and response.reason == DONE_REASONS[action]
        if asked and target.posted.message.id not in self._witness.polled:
            self._accuse(Promise.ONE_OUTCOME, f"{story.name} is answered, and the answer in no topic")

    def _true(self, story: Story, response: SubmitResponse) -> None:
        outcome, reason = Outcome(response.outcome), response.reason
        taken = [self._accepted.get(key, []) for key in story.keys]
        whole = all(taken)
        mine = not self._shared(story)
        if outcome is Outcome.ACCEPTED:
            if not whole:
                missing = [number for number, records in enumerate(taken) if not records]
                self._accuse(
                    Promise.TRUE_OUTCOME, f"{story.name} is accepted, but the gateway has not its parts {missing}"
                )
            self._ids(story, response, taken)
        elif outcome is Outcome.UNKNOWN:
            if mine and story.writes and self._heard(story) and not self._doubts:
                self._accuse(Promise.TRUE_OUTCOME, f"{story.name} is unknown, though every submit was answered")
            # After a restart a message is read with the text it had before it was changed.
            changed = story.instead is not None or self._reconfigured()
            if reason == "no-response-before-restart" and not changed:
                self._accuse(Promise.NOT_TWICE, f"{story.name} could not be made again identically after a restart")
        elif mine and whole and any(write.kept for write in story.writes):
            doubted = len(story.writes) > len(story.keys) or self._witness.doubts > 0
            known = Known.REFUSED_WHILE_DOUBTED if outcome is Outcome.REJECTED and doubted else None
            seen = f"{story.name} is {outcome} ({reason}), but the gateway has it"
            self._witness.accuse(Promise.TRUE_OUTCOME, seen, known)
        elif outcome in (Outcome.EXPIRED, Outcome.CANCELLED) and mine and any(taken):
            self._accuse(Promise.TRUE_OUTCOME, f"{story.name} is {outcome}, but the gateway has a part of it")
        if outcome is Outcome.CANCELLED and not self._asked_back(story):
            self._accuse(Promise.TRUE_OUTCOME, f"{story.name} is cancelled, which nobody asked for")
        if outcome is Outcome.REJECTED and response.command_status in _NOT_FINAL and len(story.keys) == 1:
            self._accuse(Promise.PLACE, f"{story.name} was given up when the gateway only asked to wait")

    def _asked_back(self, story: Story) -> bool:
        return any(
            other.about == story.posted.number and other.message.action is Action.CANCEL for other in self._scene.posted
        )

    def _heard(self, story: Story) -> bool:
        """Whether every request reached the gateway and was answered before anybody had to wonder."""
        ended, patience = story.outcomes[0][0], self._patience[story.posted.account]
        return all(write.kept and write.heard <= min(ended, write.at + patience) for write in story.writes)

    def _shared(self, story: Story) -> bool:
        """Whether another event has the same content, so that nobody can tell whose part the gateway has."""
        return len(self._witness.stories_of(story.keys[0])) > 1

    def _reconfigured(self) -> bool:
        return any(getattr(strike.deed, "changed", False) for strike in self._scene.strikes)

    def _ids(self, story: Story, response: SubmitResponse, taken: list[list[SubmitRecord]]) -> None:
        for number, (name, records) in enumerate(zip(response.part_message_ids, taken, strict=True)):
            if name and name not in [record.message_id for record in records]:
                self._accuse(
                    Promise.TRUE_OUTCOME, f"part {number} of {story.name} has an id that the gateway never gave it"
                )
            if name and (story.posted.message.id, name) not in self._witness.submitted:
                self._accuse(Promise.ONE_OUTCOME, f"{story.name} has an id that no receipt can be joined with")

    def _why_twice(self, records: list[SubmitRecord]) -> Known | None:
        if len({record.host for record in records}) > 1:
            return Known.RESENT_ELSEWHERE
        back = any(isinstance(strike.deed, Wall) and strike.deed.milliseconds < 0 for strike in self._scene.strikes)
        return Known.CLOCK_PUT_BACK if back else None

    def _parts(self, story: Story) -> None:
        if (
            len(story.keys) < 2
            or self._shared(story)
            or not any(response.outcome == Outcome.ACCEPTED for _, response in story.outcomes)
        ):
            return
        times = [record.time for key in story.keys for record in self._accepted.get(key, [])]
        if times and max(times) - min(times) > _MINUTE and story.policy is not UnknownPolicy.AT_LEAST_ONCE:
            self._accuse(Promise.PARTS, f"the parts of {story.name} came within {max(times) - min(times):.1f} s")

    def _twice(self, key: Key) -> None:
        """Twins are two messages; they may both be taken, a minute apart."""
        stories, records = self._witness.stories_of(key), self._accepted[key]
        declared = any(story.policy is UnknownPolicy.AT_LEAST_ONCE for story in stories)
        if len(records) > len(stories) and not declared:
            times = ", ".join(f"{record.time:.2f}" for record in records)
            seen = f"the gateway has taken {stories[0].name} {len(records)} times ({times})"
            self._witness.accuse(Promise.NOT_TWICE, seen, self._why_twice(records))
        if len(records) > len(stories) and declared:
            said = any(response.possible_duplicate for story in stories for _, response in story.outcomes)
            if not said:
                seen = f"{stories[0].name} was taken twice and not marked as a possible duplicate"
                elsewhere = len({record.host for record in records}) > 1
                self._witness.accuse(Promise.NOT_TWICE, seen, Known.UNMARKED_ELSEWHERE if elsewhere else None)
        accepted = sum(any(response.outcome == Outcome.ACCEPTED for _, response in story.outcomes) for story in stories)
        clear = not self._doubts and all(story.outcomes and self._heard(story) for story in stories)
        if len(stories) > 1 and clear and accepted > len(records):
            self._accuse(Promise.TRUE_OUTCOME, f"{accepted} twins are accepted, the gateway has {len(records)} of them")
