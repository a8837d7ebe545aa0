"""The lines of refused connections: the worst engine counts, and an engine without a figure is an error."""

import pytest

from bench.lines import BenchError
from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.doors.refusals import CASES, ENGINES, lines_of, measure
from bench.tested import Outcomes

GOOD = {
    f"{case}:{engine}:{what}": value
    for case in CASES
    for engine in ENGINES
    for what, value in (("s", 0.1), ("connections", 1.0), ("secrets", 0.0))
}


def test_quick_run_starts_nothing_and_says_so():
    said: list[str] = []
    assert measure(True, said.append) == []
    assert "not measured in a quick run" in said[0]


def test_the_worst_engine_counts():
    worse = {"expired:nats:s": 2.5, "wrong password:kafka OAUTHBEARER:connections": 4.0}
    lines = lines_of(Outcomes(9, {}, GOOD | worse))
    assert missed(AREAS["doors"], lines) == []
    values = {line.name: line.value for line in lines}
    assert (values["expired_said_s"], values["wrong_ca_said_s"]) == (2.5, 0.1)
    assert (values["wrong_password_connections"], values["expired_connections"]) == (4.0, 1.0)


def test_late_lines_storms_secrets_and_failed_tests_miss_their_floors():
    bad = {"expired:nats:s": 6.0, "expired:redis:connections": 40.0, "wrong authority:kafka:secrets": 1.0}
    lines = lines_of(Outcomes(9, {"test_x": "no"}, GOOD | bad))
    wanted = ["expired_said_s", "expired_connections", "refusal_secrets_shown", "refusals_failed"]
    assert missed(AREAS["doors"], lines) == wanted


def test_an_engine_that_was_not_measured_is_an_error():
    left = {key: value for key, value in GOOD.items() if ":redis:" not in key}
    with pytest.raises(BenchError, match="not measured for redis"):
        lines_of(Outcomes(9, {}, left))
