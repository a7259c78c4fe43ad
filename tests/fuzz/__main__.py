"""`make fuzz`: a million damaged inputs. `python -m tests.fuzz --target pdu --seed 7 --count 1000` runs one target.

`--input HEX` plays one input again, `--first N` begins at the N-th. `--make-corpus` writes the made lines of the corpus
anew. Exit code 1 where a promise is broken; the input is printed then. An input that never ends ends the run, with the
place where it stands: it is one of the 256 after the last number told.
"""

import argparse
import faulthandler
import sys

from tests.fuzz import corpus, runner, seeds
from tests.fuzz.targets.table import TARGETS

MILLION = 1_000_000
ENDLESS = 120.0
"""Seconds without 256 inputs done, after which one of them is taken to be endless."""


def say(line: str) -> None:
    print(line, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=[*TARGETS], action="append", help="all without one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, help=f"inputs for each target; without it {MILLION} shared by all")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--input", help="one input in hex, for the target named")
    parser.add_argument("--make-corpus", action="store_true")
    return parser.parse_args()


def main() -> int:
    wanted = arguments()
    if wanted.make_corpus:
        for name, made in seeds.made().items():
            corpus.write(name, made)
        return 0
    try:
        for name in wanted.target or TARGETS:
            target = TARGETS[name]
            if wanted.input is not None:
                runner.replay(target, bytes.fromhex(wanted.input))
                say(f"{name}: no fault")
                continue
            count = wanted.count if wanted.count is not None else int(MILLION * target.share / 100)
            progress = runner.Progress(name, count, say)

            def done(number: int, progress: runner.Progress = progress) -> None:
                faulthandler.dump_traceback_later(ENDLESS, exit=True)
                progress.done(number)

            done(0)
            runner.run(target, seed=wanted.seed, count=count, first=wanted.first, told=done)
            progress.end()
    except runner.Found as found:
        say(str(found))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
