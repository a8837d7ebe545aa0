"""``python -m bench [profile] [--only line,line] [--quick] [--gate] [--list]``: a ``name value unit`` line per figure.

A comment after ``#`` gives the ratio to the last committed results, every round's figure, and the method. A summary
with floors and goals follows, in comments. Progress goes to standard error. Exit codes: 0 measured, 1 a measurement
failed, 2 usage, 3 with ``--gate`` a gated line regressed or is below its floor.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import profiling, results
from bench.lines import BenchError
from bench.measuring import Measured, measure_groups
from bench.plan import FULL, LINES, QUICK, Sizes, groups_for, is_asked_for
from bench.report import report
from bench.targets import GATED, TARGETS, TOLERANCE, fails_the_gate
from bench.usage import MachineTimes, load_average
from deploy.local.engines import EngineError
from deploy.local.engines.progress import Progress

OK, FAILED, GATE_SHUT = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, compare and store."""
    parser = _parser()
    args = parser.parse_args(argv)
    only = [name for name in args.only.split(",") if name]
    try:
        groups = groups_for(only)
    except ValueError as exc:
        parser.error(str(exc))
    if args.list:
        print("\n".join(_listed(only)))
        return OK
    # Clients log their retries; a new topic has no leader for a moment.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    sizes, say = QUICK if args.quick else FULL, _progress(time.monotonic())
    if args.what == "profile":
        return _profile(sizes, say)
    load, times, at = load_average(), MachineTimes(), datetime.now(UTC)
    measured = measure_groups(groups, sizes, say)
    measured.lines = [line for line in measured.lines if is_asked_for(line.name, only)]
    shut = _report(measured, results.this_machine(times.elsewhere(), load), at, keep=not args.quick)
    if measured.failures:
        return FAILED
    return GATE_SHUT if args.gate and shut else OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure AgentFlow, and stock Faust in the same run."
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=["profile"],
        help="CPU by role and its most expensive functions, instead of the lines",
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="line,line",
        help="only these lines; the start of a name selects all lines that begin with it",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, as a smoke test; nothing is stored")
    parser.add_argument(
        "--gate",
        action="store_true",
        help=f"exit code 3 when a ratio or CPU is worse than committed by over {TOLERANCE:.0%}%, or below its floor",
    )
    parser.add_argument("--list", action="store_true", help="list the lines with floor and goal, and measure nothing")
    return parser


def _listed(only: Sequence[str]) -> list[str]:
    rows = []
    for name in (name for names in LINES.values() for name in names if is_asked_for(name, only)):
        target = TARGETS.get(name)
        aims = f" floor {target.floor:g} goal {target.goal:g}" if target else ""
        rows.append(f"{name}{'<process>' if name.endswith('_') else ''}{aims}{' gated' if name in GATED else ''}")
    return rows


def _report(measured: Measured, machine: results.Machine, at: datetime, *, keep: bool) -> bool:
    """Print the lines and store them; return true if one fails the gate. Tiny sizes are compared with nothing."""
    history = results.History()
    earlier = history.earlier([line.name for line in measured.lines]) if keep else {}
    remarks = [f"WARNING: {warning}: measure again on a quiet machine" for warning in machine.warnings()]
    remarks += [str(machine), *measured.missing, *measured.failures]
    remarks.append(f"compared with {', '.join(sorted({e.file for e in earlier.values()})) or 'nothing'}")
    print("\n".join(report(measured.lines, earlier, judged=keep) + [f"# {remark}" for remark in remarks]))
    if keep and measured.lines:
        ignore_take = [*measured.missing, *measured.failures]
        folder = results.ROOT / results.FOLDER
        taken = results.Taken(history.revision(), at)
        path = results.write(folder, measured.lines, machine, earlier, taken, ignore_take)
        print(f"# kept in {path.relative_to(results.ROOT)}; commit it to make it what later runs are compared with")
    return keep and any(fails_the_gate(line, earlier.get(line.name)) for line in measured.lines)


def _profile(sizes: Sizes, say: Progress) -> int:
    with tempfile.TemporaryDirectory(prefix="agentflow-bench-", ignore_cleanup_errors=True) as folder:
        try:
            lines, functions = profiling.measure(Path(folder), sizes, say)
        except (BenchError, EngineError) as exc:
            print(f"bench: {exc}", file=sys.stderr)
            return FAILED
    print("\n".join(report(lines, {}, judged=False) + functions))
    return OK


def _progress(start: float) -> Progress:
    def say(message: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {message}", file=sys.stderr, flush=True)

    return say


if __name__ == "__main__":
    sys.exit(main())
