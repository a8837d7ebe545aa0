"""``python -m tests.simulation``: play seeds or planted mistakes, or search the seeds by which those are found."""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence

from tests.simulation.mutants import found
from tests.simulation.mutants.catalogue import ALL
from tests.simulation.play import play


def main() -> int:
    """Play. Exit codes: 0 all held, 1 one did not; of mistakes, 1 when one was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, metavar="N", help="how many (default 2000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first one (default 0)")
    parser.add_argument(
        "--bug", choices=ALL, default="", metavar="BUG", help="plant a mistake, see tests/simulation/mutants"
    )
    parser.add_argument(
        "--find-mutants", nargs="*", choices=ALL, metavar="BUG", help="search and record the first seed that finds each"
    )
    parser.add_argument(
        "--recorded", nargs="*", choices=ALL, metavar="BUG", help="play each planted mistake by its recorded seed"
    )
    asked = parser.parse_args()
    if asked.recorded is not None:
        return _play_recorded(asked.recorded or ALL)
    seeds = range(asked.seed, asked.seed + asked.seeds)
    return _play(seeds, asked.bug) if asked.find_mutants is None else _find(asked.find_mutants or ALL, seeds)


def _play(seeds: range, bug: str) -> int:
    began, steps = time.monotonic(), 0
    for seed in seeds:
        outcome = play(seed, bug)
        steps += outcome.steps
        if outcome.problems:
            print(f"seed {seed} fails after {outcome.steps} steps; trace {outcome.trace[:16]}")
            print("\n".join(f"  {problem}" for problem in outcome.problems))
            print(f"play it again: python -m tests.simulation --seeds 1 --seed {seed}" + f" --bug {bug}" * bool(bug))
            return 1
    print(f"{len(seeds)} seeds hold, {steps} steps, {time.monotonic() - began:.1f} s")
    return 0


def _play_recorded(bugs: Sequence[str]) -> int:
    """Play every mistake by the one seed that is known to find it; one without such a seed is not found."""
    seeds = found.recorded()
    missed = [bug for bug in bugs if bug not in seeds or not play(seeds[bug], bug).problems]
    for bug in missed:
        print(f"{bug}: not found")
    print(f"{len(bugs) - len(missed)} of {len(bugs)} found, by seeds up to {max(seeds.values(), default=0)}")
    return 1 if missed else 0


def _find(bugs: Iterable[str], seeds: range) -> int:
    """Search in order and record what is found, also of a search that is broken off."""
    missing = 0
    for bug in bugs:
        seed = next((seed for seed in seeds if play(seed, bug).problems), None)
        found.record(bug, seed)
        missing += seed is None
        print(f"{bug}: {f'not found in {len(seeds)} seeds' if seed is None else f'seed {seed}'}", flush=True)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
