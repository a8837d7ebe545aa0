"""Rules at test speed: durations are divided, everything else is as it was."""

from pathlib import Path

import pytest

from bench.observability.monitoring import faster, values_of

RULES = Path(__file__).resolve().parents[3] / "deploy" / "prometheus"


@pytest.mark.parametrize(
    ("text", "quick"),
    [
        ("rate(x[5m])", "rate(x[5s])"),
        ("increase(x[1h]) > 10000", "increase(x[60s]) > 10000"),
        ("for: 2m", "for: 2s"),
        ("interval: 15s", "interval: 1s"),
        ("x offset 15m", "x offset 15s"),
        ("agentflow:runs_failed:ratio_rate1h > 14.4 * 0.01", "agentflow:runs_failed:ratio_rate1h > 14.4 * 0.01"),
        ("agentflow:quota_wait_seconds:p90_5m > 15", "agentflow:quota_wait_seconds:p90_5m > 15"),
        ("time() < 14 * 86400", "time() < 14 * 86400"),
    ],
)
def test_durations_are_divided_and_names_stay(text: str, quick: str) -> None:
    assert faster(text, 60) == quick


@pytest.mark.parametrize("name", ["rules.yaml", "alerts.yaml"])
def test_the_names_and_thresholds_of_the_repository_are_as_they_are(name: str) -> None:
    text = (RULES / name).read_text()
    before, after = text.split(), faster(text).split()
    assert len(before) == len(after)
    changed = [one for one, other in zip(before, after, strict=True) if one != other]
    assert changed
    assert not [word for word in changed if word.startswith(("agentflow:", "runbooks/"))]


def test_numbers_that_are_none_are_no_values() -> None:
    series = [{"values": [[1, "NaN"], [2, "0.5"]]}, {"value": [1, "3"]}]
    assert values_of(series) == [0.5, 3.0]
