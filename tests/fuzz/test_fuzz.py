"""A hundred thousand damaged inputs break no promise, and no input that ever broke one does so again.

`make fuzz` runs a million, with other seeds as `python -m tests.fuzz --seed N`.
"""

import subprocess
import sys
from random import Random

import pytest

from tests.fuzz import corpus, runner, seeds
from tests.fuzz.mutating import damaged
from tests.fuzz.runner import Found, Target
from tests.fuzz.targets.table import TARGETS

INPUTS = 100_000
SEED = 1
each_target = pytest.mark.parametrize("name", TARGETS)


@each_target
def test_the_corpus_breaks_no_promise(name: str) -> None:
    """Valid inputs of every kind, and all that was found."""
    for line in corpus.lines(name):
        runner.replay(TARGETS[name], line.octets)


@each_target
def test_damaged_input_breaks_no_promise(name: str) -> None:
    target = TARGETS[name]
    runner.run(target, seed=SEED, count=int(INPUTS * target.share / 100))


def test_the_shares_make_a_whole() -> None:
    assert sum(target.share for target in TARGETS.values()) == 100


@each_target
def test_an_input_depends_on_its_seed_and_number_alone(name: str) -> None:
    target = TARGETS[name]
    first = [runner.made(target, 7, number) for number in range(20)]
    assert first == [runner.made(target, 7, number) for number in range(20)]
    assert first != [runner.made(target, 8, number) for number in range(20)]


@each_target
def test_the_corpus_has_what_is_made_today(name: str) -> None:
    """By name: the octets may be those of an older encoder, and stay."""
    kept = {line.name for line in corpus.lines(name)}
    assert not {corpus.MADE + words for words, _ in seeds.made()[name]} - kept, "run python -m tests.fuzz --make-corpus"


def forgetful(octets: bytes) -> None:
    assert b"\xff" not in octets, "an octet of ones"


def test_a_fault_is_told_with_all_that_brings_it_back() -> None:
    target = Target(name="pdu", make=lambda rng, _: rng.randbytes(8), check=forgetful, share=1)
    with pytest.raises(Found) as caught:
        runner.run(target, seed=5, count=1000)
    words = str(caught.value)
    assert "an octet of ones" in words
    assert caught.value.octets.hex() in words
    options = words.rpartition("--seed ")[2].split()
    seed, first, count = int(options[0]), int(options[2]), int(options[4])
    with pytest.raises(Found) as again:
        runner.run(target, seed=seed, first=first, count=count)
    assert again.value.octets == caught.value.octets
    with pytest.raises(Found, match="--input"):
        runner.replay(target, caught.value.octets)


def test_damage_stays_within_reach() -> None:
    """Inputs stay small, so that a failure can be read and a run ends."""
    rng = Random(1)
    sizes = [len(damaged(rng, bytes(100), others=[bytes(1000)], words=[b"word"])) for _ in range(1000)]
    assert max(sizes) < 3000
    assert min(sizes) < 100


def test_it_runs_by_hand() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--target", "tlv", "--seed", "3", "--count", "50"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("tlv: 50 inputs in ")
    assert len(told.stdout.splitlines()) == 1
