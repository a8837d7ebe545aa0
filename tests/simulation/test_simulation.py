"""Two thousand worlds full of faults keep every promise, and known mistakes do not pass unseen."""

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from tests.simulation.bugs import BUGS
from tests.simulation.check import Outcome, play

SEEDS = 2_000


@pytest.mark.timeout(300)
def test_every_promise_holds_in_every_seed() -> None:
    workers = min(4, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        failed = [outcome for outcome in pool.map(play, range(SEEDS), chunksize=50) if outcome.problems]
    assert not failed, "\n".join(told(outcome) for outcome in failed[:5])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    assert any(play(seed, bug).problems for seed in range(SEEDS))


def test_a_seed_replays_to_the_letter_whatever_the_process() -> None:
    here = play(7)
    command = [sys.executable, "-c", "from tests.simulation.check import play; print(play(7).trace)"]
    for salt in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": salt}
        there = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert there.stdout.strip() == here.trace
    assert play(8).trace != here.trace


def told(outcome: Outcome) -> str:
    """Say how a seed failed and how to see it again."""
    again = f"python -m tests.simulation --seeds 1 --seed {outcome.seed}"
    return f"{again}: " + "; ".join(outcome.problems)[:500]
