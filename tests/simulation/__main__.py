"""``python -m tests.simulation --seeds N --seed S [--bug B]``: play N seeds from S on; stop at the first that fails."""

import argparse
import sys
import time

from tests.simulation.mutants.classes import BUGS
from tests.simulation.play import play


def main() -> int:
    """Play seeds. Exit codes: 0 all held, 1 one did not."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Play seeds of the simulation.")
    parser.add_argument("--seeds", type=int, default=2_000, metavar="N", help="how many (default 2000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first one (default 0)")
    parser.add_argument("--bug", choices=BUGS, default="", help="plant a known mistake")
    asked = parser.parse_args()
    began, steps = time.monotonic(), 0
    for seed in range(asked.seed, asked.seed + asked.seeds):
        outcome = play(seed, asked.bug)
        steps += outcome.steps
        if outcome.problems:
            print(f"seed {seed} fails after {outcome.steps} steps; trace {outcome.trace[:16]}")
            print("\n".join(f"  {problem}" for problem in outcome.problems))
            bug = f" --bug {asked.bug}" if asked.bug else ""
            print(f"play it again: python -m tests.simulation --seeds 1 --seed {seed}{bug}")
            return 1
    print(f"{asked.seeds} seeds hold, {steps} steps, {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
