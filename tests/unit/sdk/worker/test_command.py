"""The command line of ``agentflow worker``."""

from pathlib import Path

import pytest
from agentflow.worker.command import EXIT_USAGE, main
from agentflow.worker.functions import Functions

APP = str(Path(__file__).resolve().parents[4] / "examples" / "workers" / "app.py")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AGENTFLOW_URL", "AGENTFLOW_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([APP, "--queue", "q"], "set AGENTFLOW_URL"),
        (["nowhere.py", "--queue", "q"], "there is no file nowhere.py"),
        ([APP, "--queue", "q", "--kafka", "x:1"], "name the queue's organisation"),
        ([__file__, "--queue", "q"], "decorate a function"),
    ],
)
def test_what_is_missing_is_named(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", *argv]) == EXIT_USAGE
    assert said in capsys.readouterr().err


def test_the_example_has_its_functions() -> None:
    assert Functions.load(Path(APP)).names() == ["tool count_pages", "tool count_words"]


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.py"
    file.write_text("from agentflow import tool\n@tool('a')\ndef one(): ...\n@tool('a')\ndef two(): ...\n")
    with pytest.raises(ValueError, match="'a' is there twice"):
        Functions.load(file)
