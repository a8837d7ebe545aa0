"""Errors of operators' commands: one line on standard error, and the exit code that it stands for."""

import pytest

from deploy.commands import EXIT_OK, EXIT_REFUSED, EXIT_UNAVAILABLE, EXIT_USAGE, run_command
from schemas.errors import Rejected, Unavailable
from schemas.settings import Settings


def fails(exc: Exception) -> int:
    raise exc


def test_command_runs_with_the_settings_of_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPIC_PARTITIONS", "7")
    assert run_command("one", [], lambda settings: settings.kafka.partitions) == 7
    assert run_command("one", [], lambda _: EXIT_OK) == EXIT_OK


@pytest.mark.parametrize(
    ("exc", "code", "said"),
    [
        (Rejected("the sites differ"), EXIT_REFUSED, "one: the sites differ\n"),
        (Unavailable("kafka", "no broker"), EXIT_UNAVAILABLE, "; start it again\n"),
    ],
)
def test_error_ends_with_its_code(exc: Exception, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("one", [], lambda _: fails(exc), "start it again") == code
    printed = capsys.readouterr()
    assert printed.err.startswith("one: ")
    assert printed.err.endswith(said)
    assert printed.out == ""


def test_nothing_runs_with_settings_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOPIC_PARTITIONS", "many")

    def work(settings: Settings) -> int:
        raise AssertionError(settings)

    assert run_command("one", [], work) == EXIT_USAGE
    assert "TOPIC_PARTITIONS" in capsys.readouterr().err


def test_defect_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command("one", [], lambda _: fails(ZeroDivisionError()))
