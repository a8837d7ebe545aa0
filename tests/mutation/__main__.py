"""``python -m tests.mutation``: do the tests notice small wrong edits of the code? See docs/how-to/testing.md.

Prints ``killed_share`` with its interval, and every mutant that lived as a diff. Progress goes to standard error.
Exit codes: 0 the floor holds, 1 mutants are left to try or the list of equivalent ones is stale or wrong, or the tests
cannot be run, 2 usage, 3 below the floor.
"""

import argparse
import functools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutation import equivalents, sample
from tests.mutation.campaign import Campaign, prepare
from tests.mutation.coverage_map import RecordError
from tests.mutation.equivalents import ListError
from tests.mutation.mutant import Mutant
from tests.mutation.report import UNFINISHED, Outcome, report
from tests.mutation.results import Results
from tests.mutation.slot import Slot, SlotError
from tests.mutation.tree import ROOT, digest_of_all


def main(argv: Sequence[str] | None = None) -> int:
    """Choose, try and report."""
    args = _parser().parse_args(argv)
    mutants_in = functools.cache(lambda path: sample.mutants_in(ROOT, path) if (ROOT / path).is_file() else [])
    try:
        listed = equivalents.read()
    except ListError as exc:
        print(f"mutate: {exc}", file=sys.stderr)
        return UNFINISHED
    paths = [path for path in sample.files(ROOT) if path.startswith(args.only)]
    picked = list(sample.chosen((m for path in paths for m in mutants_in(path)), args.seed, args.count))
    if args.list:
        edits = (f"{m.name} {m.path} {m.edit.operator}: {m.before} => {m.after}" for m in picked)
        print("\n".join(" ".join(edit.split()) for edit in edits))
        return 0
    tree = digest_of_all()
    results = Results(args.cache, ROOT, tree)
    if not args.report:
        try:
            _try(args, tree, results, [mutant for mutant in picked if results.get(mutant) is None])
        except (RecordError, SlotError) as exc:
            print(f"mutate: {exc}", file=sys.stderr)
            return UNFINISHED
    known = {mutant.name: found for mutant in picked if (found := results.get(mutant))}
    outcome = Outcome(picked, known, listed, equivalents.stale(listed, mutants_in))
    print("\n".join(report(outcome, ROOT)))
    return outcome.exit_code()


def _try(args: argparse.Namespace, tree: str, results: Results, left: Sequence[Mutant]) -> None:
    if not left:
        return
    say = _progress(time.monotonic())
    trees, covered = prepare(args.cache, tree, args.workers, say)
    confirmed: set[str] = set()
    broken: set[str] = set()
    say(f"{len(left)} mutants to try")
    Campaign(results, left, args.minutes, say).run(
        [Slot(copy, covered, args.seeds, confirmed, broken) for copy in trees]
    )
    for name in sorted(broken):
        say(f"left out, it fails without any mutant: {name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Do tests notice wrong edits?")
    parser.add_argument("--count", type=int, default=400, metavar="N", help="mutants in the sample (default 400)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the sample (default 0)")
    parser.add_argument("--only", default="", metavar="PATH", help="files whose path begins so")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="at once (default 2)")
    parser.add_argument("--minutes", type=float, default=90, metavar="M", help="then stop (default 90)")
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="of the simulation (default 100)")
    parser.add_argument("--cache", type=Path, default=ROOT / ".agentflow/mutate", metavar="DIR", help="what is known")
    parser.add_argument("--list", action="store_true", help="name the sample's mutants and try none")
    parser.add_argument("--report", action="store_true", help="print what is known and try none")
    return parser


def _progress(start: float):
    def say(message: str) -> None:
        print(f"{time.monotonic() - start:7.1f} s  {message}", file=sys.stderr, flush=True)

    return say


if __name__ == "__main__":
    sys.exit(main())
