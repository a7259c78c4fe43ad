"""Which record is blamed for the end of a process: only the one that was in hand each time, and never a healthy one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.stages.trials import CRASHES, WHOLE, Mark, Trial, Verdict


def crashed(note: str, offset: int, *, item: int | None = None) -> str:
    """What a process leaves that takes up this record alone, and dies over it."""
    trial = Trial(note)
    trial.begin(offset, offset + 1)
    if item is not None:
        trial.sift(item)
    return trial.note


def test_a_mark_is_read_as_it_was_written() -> None:
    mark = Mark(suspect=7, item=3, starts=2, until=12)
    assert Mark.read(mark.text) == mark
    assert Mark().text == ""


@pytest.mark.parametrize("text", ["", "somebody else's", "suspect=1", "suspect=x item=1 starts=1 until=1"])
def test_what_another_program_left_is_no_mark(text: str) -> None:
    assert Mark.read(text) == Mark()


def test_nothing_is_suspected_at_first_and_the_first_records_are_taken_under_a_mark() -> None:
    trial = Trial("")
    assert trial.watches(5)
    assert not trial.careful(5)
    assert trial.begin(5, 10)
    assert Mark.read(trial.note) == Mark(suspect=5, starts=1, until=10)


def test_a_commit_clears_the_mark_and_later_records_need_none() -> None:
    trial = Trial("")
    trial.begin(5, 10)
    trial.finished(10)
    assert trial.note == ""
    assert not trial.watches(10)


def test_after_a_crash_the_records_that_were_in_hand_are_taken_one_by_one() -> None:
    trial = Trial("")
    trial.begin(5, 10)
    after = Trial(trial.note)
    assert [after.careful(offset) for offset in (5, 9, 10)] == [True, True, False]
    for offset in range(5, 10):
        assert after.verdict(offset) is Verdict.TAKE
        after.begin(offset, offset + 1)
        after.finished(offset + 1)
    assert after.note == ""
    assert not after.watches(10)


def test_the_third_crash_over_one_record_is_the_last() -> None:
    note, verdicts = "suspect=-1 item=-1 starts=0 until=9", []
    for _ in range(CRASHES):
        verdicts.append(Trial(note).verdict(5))
        note = crashed(note, 5)
    assert verdicts == [Verdict.TAKE, Verdict.TAKE, Verdict.SIFT]
    assert Trial(note).verdict(5) is Verdict.BURY
    assert Trial(note).item == WHOLE


def test_the_item_that_was_in_hand_last_is_told_also_after_a_crash_over_its_burial() -> None:
    note = crashed(crashed(crashed("suspect=-1 item=-1 starts=0 until=9", 5), 5), 5, item=4)
    assert (Trial(note).verdict(5), Trial(note).item) == (Verdict.BURY, 4)
    again = crashed(note, 5)
    assert (Trial(again).verdict(5), Trial(again).item) == (Verdict.BURY, 4)


def test_an_orderly_end_blames_nobody() -> None:
    """However often the process is restarted, and whatever is waited for."""
    note = crashed("suspect=-1 item=-1 starts=0 until=9", 5)
    for _ in range(10):
        trial = Trial(note)
        trial.begin(5, 6)
        trial.give_back()
        note = trial.note
    assert Trial(note).verdict(5) is Verdict.TAKE


def test_who_passes_a_rehearsal_is_acquitted_and_clears_nobody_else() -> None:
    note = crashed(crashed("suspect=-1 item=-1 starts=0 until=9", 5), 5)
    trial = Trial(note)
    trial.begin(3, 4)
    trial.passed()
    assert trial.verdict(5) is Verdict.SIFT
    trial.begin(5, 6)
    trial.passed()
    assert trial.verdict(5) is Verdict.TAKE


def test_a_longer_reach_is_marked_again_and_the_same_is_not() -> None:
    trial = Trial("")
    assert [trial.begin(0, 5), trial.begin(1, 5), trial.begin(5, 8)] == [True, False, True]
    assert Mark.read(trial.note) == Mark(suspect=0, starts=1, until=8)


@given(st.integers(1, 20), st.data())
def test_only_the_poison_is_ever_buried_and_the_stream_comes_to_its_end(count: int, data: st.DataObject) -> None:
    """Records one after the other as `careful` takes them, batches of any size, and kills anywhere."""
    poison = data.draw(st.integers(0, count - 1))
    committed, note, buried, kills = 0, "", [], 0
    for _ in range(200):
        if committed >= count:
            break
        trial, died = Trial(note), False
        while committed < count and not died:
            alone = trial.careful(committed)
            end = committed + 1 if alone else min(count, committed + data.draw(st.integers(1, 6)))
            watched = trial.watches(committed)
            verdict = trial.verdict(committed) if alone else Verdict.TAKE
            if watched:
                trial.begin(committed, end)
                note = trial.note
            # One in the life of the stream: with the crash of a batch, which counts for its first record, that makes
            # two. Three in a row over one record are a crash like any other.
            if kills < 1 and data.draw(st.booleans()):
                kills += 1
                died = True
            elif verdict is Verdict.BURY:
                buried.append(committed)
            elif committed <= poison < end:
                died = True
            if not died:
                trial.finished(end)
                committed, note = end, trial.note
    assert committed >= count
    assert buried == [poison]
