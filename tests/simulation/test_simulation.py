"""Two thousand worlds full of faults keep every promise, and known mistakes do not pass unseen."""

import os
import subprocess
import sys

import pytest

from schemas.records.base import ErrorInfo
from schemas.spec.policy import Retries
from streams.core.runs.events.step_end import may_retry
from tests.simulation.mutants import found
from tests.simulation.mutants.catalogue import ALL
from tests.simulation.mutants.planting import Mutant, NotPlanted, planted
from tests.simulation.mutants.planting import found as found_in
from tests.simulation.play import Outcome, play

SEEDS = 2_000
#: Few enough that every process of a test run has something to do to the end.
BLOCK = 50


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_promise_holds_in_every_seed(first: int) -> None:
    outcomes = [play(seed) for seed in range(first, first + BLOCK)]
    failed = [outcome for outcome in outcomes if outcome.problems]
    assert not failed, "\n".join(described(outcome) for outcome in failed[:5])


@pytest.mark.parametrize("bug", ALL)
def test_a_planted_mistake_is_found_by_its_seed(bug: str) -> None:
    seed = found.recorded().get(bug, SEEDS)
    assert seed < SEEDS, f"no seed is recorded for {bug}; {again(bug)}"
    assert play(seed, bug).problems, f"seed {seed} finds {bug} no more: if the world plays otherwise now, {again(bug)}"


@pytest.mark.exhaustive
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("bug", ALL)
def test_a_planted_mistake_is_found_in_a_search_from_the_first_seed(bug: str) -> None:
    assert any(play(seed, bug).problems for seed in range(SEEDS))


def test_recorded_seeds_are_of_known_mistakes() -> None:
    assert found.recorded().keys() <= set(ALL)


def test_a_snippet_that_is_gone_is_not_planted() -> None:
    gone = Mutant("gone", "streams.core.budgets", "no such line", "pass", "none")
    with pytest.raises(NotPlanted, match="must be once in"):
        found_in(gone)


def test_planted_code_is_there_only_inside_the_block() -> None:
    retries, error = Retries(), ErrorInfo(code="boom", message="it failed", retryable=True)
    assert not may_retry(retries, retries.max_attempts, error)
    with planted("one_attempt_too_many"):
        assert may_retry(retries, retries.max_attempts, error)
    assert not may_retry(retries, retries.max_attempts, error)


def test_a_seed_replays_to_the_letter_whatever_the_process() -> None:
    here = play(7)
    command = [sys.executable, "-c", "from tests.simulation.play import play; print(play(7).trace)"]
    for salt in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": salt}
        there = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert there.stdout.strip() == here.trace
    assert play(8).trace != here.trace


def described(outcome: Outcome) -> str:
    """Say how a seed failed and how to see it again."""
    replay = f"python -m tests.simulation --seeds 1 --seed {outcome.seed}"
    return f"{replay}: " + "; ".join(outcome.problems)[:500]


def again(bug: str) -> str:
    """Say how to record the seed that finds a mistake."""
    return f"record its seed again: python -m tests.simulation --find-mutants {bug}"
