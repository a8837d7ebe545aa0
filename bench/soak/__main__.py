"""``python -m bench.soak --hours 2``: a line ``name value unit`` per figure, kept in ``bench/results/soak``.

Exit codes: 0 every floor holds, 1 a measurement failed, 2 usage, 3 a floor is missed.
"""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.lines import BenchError
from bench.prove.area import printed
from bench.results import History, this_machine
from bench.soak.lines import AIMS, keep, lines_of
from bench.soak.session import Plan, play
from bench.targets import Verdict
from bench.usage import MachineTimes, load_average
from deploy.local.engines import EngineError

HELD, FAILED, MISSED = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Soak, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Load the system for hours.")
    parser.add_argument("--hours", type=float, default=2.0, help="how long the load lasts (default 2)")
    parser.add_argument("--no-results", action="store_true", help="keep no file of results")
    parser.add_argument("--heaps", type=Path, metavar="FOLDER", help="write there what each process' heap consists of")
    args = parser.parse_args(argv)
    if args.hours <= 0:
        parser.error("--hours must be over 0")
    if args.heaps is not None:
        args.heaps.mkdir(parents=True, exist_ok=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    began, at, load, times = time.monotonic(), datetime.now(UTC), load_average(), MachineTimes()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {text}", file=sys.stderr, flush=True)

    try:
        seen = play(Plan(3_600 * args.hours, heaps=args.heaps), progress)
    except (BenchError, EngineError) as exc:
        print(f"# the soak failed: {exc}")
        return FAILED
    machine, lines = this_machine(times.elsewhere(), load), lines_of(seen)
    aims = {aim.name: aim for aim in AIMS}
    for line in lines:
        print(printed(line, aims[line.name], str(machine), judged=True))
    for warning in machine.warnings():
        print(f"# careful: {warning}")
    if not args.no_results:
        print(f"# kept in bench/results/soak/{keep(seen, lines, machine, History().revision(), at).name}")
    missed = [line.name for line in lines if aims[line.name].verdict(line.value) is Verdict.MISSED]
    return MISSED if missed else HELD


if __name__ == "__main__":
    sys.exit(main())
