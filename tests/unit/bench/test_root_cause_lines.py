"""Injected faults and their causes, as `make prove AREA=observability` measures them, in small."""

import pytest

from bench.observability.faults import FAULTS, fault_case, healthy_case
from bench.prove.observability.root_cause import judge, seen

#: Seeds that the lines do not use.
_SEEDS = (500, 501)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_named_cause_is_the_injected_one(kind):
    hard = kind in {"wrong_output", "cache"}
    judged = [judge(fault_case(seed, kind), held_out=False) for seed in (range(500, 505) if hard else _SEEDS)]
    named = [one for one in judged if one.found.verdict == "named"]
    wrong = [one for one in named if not (one.step_is_right and one.kind_is_right)]
    assert len(wrong) <= (1 if hard else 0)
    # Wrong outputs, and poisoned answers, that look like any other leave nothing to see.
    assert len(named) > len(wrong)


def test_healthy_runs_are_not_blamed():
    assert {judge(healthy_case(seed), held_out=False).found.verdict for seed in _SEEDS} == {"healthy"}


def test_a_fault_fails_its_run_and_is_the_same_each_time():
    case = fault_case(500, "dependency")
    assert seen(case.run).failed
    assert fault_case(500, "dependency").run.spans == case.run.spans
