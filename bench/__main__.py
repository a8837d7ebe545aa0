"""``python -m bench [--only line,line] [--quick]``: print one ``name value unit`` line per figure.

A comment after ``#`` gives the ratio to the last committed results, every round's figure, and what was measured how.
Progress goes to standard error. Exit codes: 0 measured, 1 a measurement failed, 2 usage.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import against_stock, results, system_lines
from bench.lines import BenchError, Line, show
from bench.plan import FULL, QUICK, SYSTEM_GROUPS, Group, Sizes, groups_for, is_asked_for
from bench.usage import MachineTimes
from deploy.local.engines import EngineError
from deploy.local.engines.progress import Progress


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, compare and keep."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure AgentFlow, beside stock Faust.")
    parser.add_argument(
        "--only",
        default="",
        metavar="line,line",
        help="these lines only; the first words of a name mean all that begin so",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works; nothing is kept")
    args = parser.parse_args(argv)
    only = [name for name in args.only.split(",") if name]
    try:
        groups = groups_for(only)
    except ValueError as exc:
        parser.error(str(exc))
    # Clients report what they try again; a topic that was just made has no leader for a moment.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    say = _progress(time.monotonic())
    times, at = MachineTimes(), datetime.now(UTC)
    try:
        lines = _measure(groups, QUICK if args.quick else FULL, say)
    except (BenchError, EngineError) as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    wanted = [line for line in lines if is_asked_for(line.name, only)]
    _report(wanted, results.this_machine(times.elsewhere()), at, keep=not args.quick)
    return 0


def _measure(groups: frozenset[Group], sizes: Sizes, say: Progress) -> list[Line]:
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="agentflow-bench-", ignore_cleanup_errors=True) as folder:
        if Group.ENGINE in groups:
            lines += against_stock.measure(Path(folder) / "engine", sizes, say)
        if groups & SYSTEM_GROUPS:
            lines += system_lines.measure(Path(folder) / "system", groups, sizes, say)
    return lines


def _report(lines: list[Line], machine: results.Machine, at: datetime, *, keep: bool) -> None:
    """Print the lines and keep them. Figures of tiny sizes are compared with nothing."""
    history = results.History()
    earlier = history.earlier([line.name for line in lines]) if keep else {}
    for line in lines:
        print(show(line, earlier.get(line.name)))
    print(f"# {machine}")
    print(f"# compared with {', '.join(sorted({e.file for e in earlier.values()})) or 'nothing'}")
    if keep:
        folder = results.ROOT / results.FOLDER
        path = results.write(folder, lines, machine, earlier, history.revision(), at)
        print(f"# kept in {path.relative_to(results.ROOT)}; commit it to make it what later runs are compared with")


def _progress(start: float) -> Progress:
    def say(message: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {message}", file=sys.stderr, flush=True)

    return say


if __name__ == "__main__":
    sys.exit(main())
