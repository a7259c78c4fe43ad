"""What an intent from before a crash makes of its message. Pure. Next station: `slot`, which reviews the doubts."""

from connector.domain.events import LedgerEntry
from connector.domain.messages import UnknownPolicy
from connector.stages.settings import AccountSettings
from connector.stages.submit.doubt import policy_of
from connector.stages.submit.work import Part, PartState, Work, number_of
from connector.translate import plan


def reopen(work: Work, entry: LedgerEntry, account: AccountSettings, *, slot: int, now_ms: int) -> bool:
    """Every part is in doubt, and only an identical resend can settle it; False where none can be made.

    The intent names the host that its parts went to, or several, and then no single one knows them all.
    """
    # An intent may have been written again: the first part's time is what the gateway's minute began with.
    work.intent_at = work.submitted_at = entry.submitted_at or entry.at
    work.attempt, work.covered, work.intent_host = entry.attempt, True, entry.host
    try:
        work.plan = plan(work.message, account, now_ms=now_ms, first_ms=entry.planned_at)
    except Exception:  # refused by now, or a fault of ours: what left before is unknown either way
        work.plan = None
    # A changed configuration may give the message to another slot.
    stray = work.item.slot != slot or work.item.account != account.name
    if stray or work.plan is None or work.plan.fingerprints != entry.fingerprints:
        # Whether it was sent again before the crash, late or elsewhere, the intent does not tell.
        work.possible_duplicate = policy_of(work, account) is UnknownPolicy.AT_LEAST_ONCE
        return False
    work.number = number_of(work.message.recipient)
    work.parts = [
        Part(
            work=work,
            index=index,
            state=PartState.DOUBTFUL,
            doubted=True,
            attempts=work.attempt,
            host=entry.host,
        )
        for index in range(len(work.plan.pdus))
    ]
    return True
