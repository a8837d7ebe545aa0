"""``python -m bench.compare --base CHECKOUT [--pairs 5] [--only line,line] [--quick]``: this checkout beside another.

Runs the bench's lines in the base and here in turns, each with its own code and the same virtualenv, and prints for
each line the median of the pairs' ratios, here over base. A pair with over 5% steal is repeated.
Exit codes: 0 within the bounds, 1 a measurement failed, 2 usage, 3 CPU is worse by over 5% or wall time by over 15%.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.compare.paired import Figures, Pair, compared, is_worse, parse
from bench.lines import BenchError
from bench.results import FOLDER, ROOT, STEAL_MOST
from bench.usage import MachineTimes

WITHIN, FAILED, WORSE = 0, 1, 3
LINES = (
    "cpu_ms_per_run,chained_cpu_ms_per_run,fanout_cpu_ms_per_run,runs_per_s,run_p50_ms,chained_runs_per_s,"
    "fanout_runs_per_s,engine_records_per_s"
)
Measure = Callable[[Path], tuple[Figures, float]]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the pairs, print the ratios and judge them."""
    parser = _parser()
    args = parser.parse_args(argv)
    if not (args.base / "bench/__main__.py").is_file():
        parser.error(f"{args.base} is no checkout with a bench")
    command = [sys.executable, "-m", "bench", "--only", args.only, *(["--quick"] if args.quick else [])]
    try:
        pairs = measure_pairs(args.base.resolve(), args.pairs, args.repeats, lambda root: _run(root, command))
    except BenchError as exc:
        print(f"compare: {exc}", file=sys.stderr)
        return FAILED
    rows = compared(pairs)
    for row in rows:
        print(row)
    return WORSE if not args.quick and any(is_worse(row) for row in rows) else WITHIN


def measure_pairs(base: Path, count: int, repeats: int, measure: Measure) -> list[Pair]:
    """Return ``count`` pairs without steal, base first in each. Raises ``BenchError`` when ``repeats`` are used up."""
    pairs: list[Pair] = []
    while len(pairs) < count:
        number = f"pair {len(pairs) + 1} of {count}"
        (before, base_steal), (after, head_steal) = measure(base), measure(ROOT)
        steal = max(base_steal, head_steal)
        if steal <= STEAL_MOST:
            pairs.append(Pair(before, after))
        elif repeats:
            repeats -= 1
        else:
            raise BenchError(f"{number}: the host stole {steal:.0%} again: measure on a quiet machine")
        print(f"compare: {number}, steal {steal:.1%}{_repeated(steal)}", file=sys.stderr, flush=True)
    return pairs


def _repeated(steal: float) -> str:
    return ": repeated" if steal > STEAL_MOST else ""


def _run(root: Path, command: Sequence[str]) -> tuple[Figures, float]:
    """Run the bench in a checkout; return its figures and the host's share of the CPU time. Its file is not kept."""
    folder, times = root / FOLDER, MachineTimes()
    before = set(folder.glob("*.json"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    for path in set(folder.glob("*.json")) - before:
        path.unlink()
    if done.returncode:
        raise BenchError(f"the bench in {root.name} ended with exit code {done.returncode}")
    elsewhere = times.elsewhere()
    return parse(done.stdout), 0.0 if elsewhere is None else elsewhere.steal


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description="Compare with another checkout.")
    parser.add_argument("--base", type=Path, required=True, metavar="DIR", help="a checkout of the old commit")
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="how many (default 5)")
    parser.add_argument(
        "--repeats", type=int, default=10, metavar="N", help="of pairs with steal, at most (default 10)"
    )
    parser.add_argument("--only", default=LINES, metavar="line,line", help=f"default: {LINES}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works; nothing is judged")
    return parser


if __name__ == "__main__":
    sys.exit(main())
