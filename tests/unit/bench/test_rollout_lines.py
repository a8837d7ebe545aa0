"""The quick figures of rollouts hold their floors, and a simulation that strays from the fold is found."""

from dataclasses import replace

import pytest

from bench.prove.rollouts import assignment, decisions, statistics
from bench.prove.rollouts.statistics import PLAYED, plan_of
from bench.rollouts import vectorised
from bench.rollouts.folded import as_recorded, fates
from bench.rollouts.traffic import Scenario, traffic

#: What 2,000 runs show, each in a moment.
QUICK = {"errors_found_by_2000_ratio_0.1", "brake_runs_ratio_0.05", "latency_found_by_2000_ratio_0.1"}


@pytest.mark.parametrize(
    ("scenario", "figures"), [one for one in PLAYED if one[0].runs <= 2_000], ids=lambda one: getattr(one, "name", "")
)
def test_harm_is_found_in_time(scenario: Scenario, figures: tuple[statistics.Rate | statistics.Median, ...]) -> None:
    played = statistics.played(scenario, 40)
    for figure in figures:
        line = statistics._line(figure, played, 40)
        assert line.name in QUICK
        assert figure.aim.floor is not None
        assert figure.aim.floor.holds(line.value), line


@pytest.mark.parametrize("scenario", [one for one, _ in PLAYED[:4]], ids=lambda one: one.name)
def test_equal_versions_are_rarely_rolled_back(scenario: Scenario) -> None:
    played = statistics.played(replace(scenario, runs=2_000), 60)
    assert (played.rolled_back < vectorised.NEVER).mean() <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5


def test_assignment_holds_its_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "ENTITIES", 2_000)
    lines = {line.name: line.value for line in assignment.measure(True, lambda _: None)}
    assert lines["moves_back"] == 0
    assert lines["share_off"] <= 3
    assert lines["split_false_alarms"] == 0


def test_wrong_split_of_many_entities_is_alarmed() -> None:
    assert assignment.alarm_share(20, assignment.ENTITIES, lost=0.1) == 1


@pytest.mark.parametrize("scenario", [PLAYED[2][0], PLAYED[4][0], PLAYED[7][0]], ids=lambda one: one.name)
def test_arrays_decide_as_the_fold_does(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    data = as_recorded(decisions._cut(traffic(scenario, range(3)), 700))
    folded = fates(plan_of(scenario), data)
    assert folded == decisions._of_arrays(scenario, data)
    assert decisions._is_repeated(scenario, data)
    if any(status == "rolled_back" for status, _ in folded):
        monkeypatch.setattr(vectorised, "_brake", lambda _plan, canary: canary * 0.0)
        monkeypatch.setattr(vectorised, "needed", lambda alpha: 2.0 / alpha)
        assert folded != decisions._of_arrays(scenario, data)


def test_alphas_of_the_default_plan_are_five_percent() -> None:
    plan = plan_of(PLAYED[0][0])
    assert sum(rule.alpha for rule in plan.rules.values()) + plan.brake_alpha == pytest.approx(0.05)
