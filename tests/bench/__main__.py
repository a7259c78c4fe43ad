"""`make bench`: every benchmark in turn, or the ones named: `make bench ARGS="session codec"`.

Each prints ratios of runs that took turns on this machine; absolute figures of a shared machine say little.
"""

import subprocess
import sys

BENCHES = ("session", "codec", "records", "ledger", "simulator")


def main() -> int:
    """Runs them one after another, so that none disturbs the next; 2 for a name there is not."""
    wanted = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    worst = 0
    for name in wanted:
        print(f"\n== {name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
