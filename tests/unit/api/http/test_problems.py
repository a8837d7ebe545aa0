"""Errors as problem details: a fault of ours, or of what we depend on, is one line in the log."""

import logging

import pytest

from api.http.problems import answer
from schemas.errors import InvalidInput, Overloaded, Unavailable


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "api.http.problems"]


@pytest.mark.parametrize(
    ("path", "run_id"),
    [
        ("/api/v1/workflows/runs/run-1/cancel", "run-1"),
        ("/api/v1/workflows/runs/bulk", None),
        ("/api/v1/workflows/runs", None),
        ("/api/v1/budgets/bud_1", None),
    ],
)
def test_a_dependency_that_does_not_answer_is_one_warning(
    caplog: pytest.LogCaptureFixture, path: str, run_id: str | None
) -> None:
    assert answer(Unavailable("redis", "read spend: no answer"), path).status_code == 503
    (line,) = lines(caplog)
    assert line.levelno == logging.WARNING
    assert (line.__dict__["path"], line.__dict__["dependency"], line.__dict__["run_id"]) == (path, "redis", run_id)
    assert path in line.getMessage()
    assert "dependency redis" in line.getMessage()
    assert ("run_id" in line.getMessage()) == (run_id is not None)
    assert line.exc_info is None


@pytest.mark.parametrize("exc", [InvalidInput("no"), Overloaded("busy")])
def test_other_errors_are_not_logged(caplog: pytest.LogCaptureFixture, exc: InvalidInput | Overloaded) -> None:
    assert answer(exc, "/api/v1/budgets").status_code < 500
    assert lines(caplog) == []
