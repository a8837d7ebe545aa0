"""The example of a repository of prompts: its prompts pass the lint, and its CI runs commands that exist."""

import json
import shlex
from pathlib import Path
from typing import Any

import click
import jsonschema_rs
import msgspec
import pytest
import yaml
from agentflow.cli.main import root

from schemas.prompt_files.own import SUFFIX, read_prompt, write_prompt
from schemas.prompts.evaluations import Case, ScorerSpec
from services.prompts.evaluations.scorers.table import check_scorers
from tests.support.ctl import Ctl
from tests.support.prompt_api import PromptApi

HERE = Path(__file__).parents[3] / "examples" / "prompt_repository"
PROMPTS = sorted((HERE / "prompts").iterdir())


def commands() -> list[list[str]]:
    workflow = yaml.safe_load((HERE / ".github" / "workflows" / "prompts.yaml").read_text(encoding="utf-8"))
    runs = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    return [shlex.split(run)[1:] for run in runs if run.startswith("agentctl ")]


def cases() -> list[Case]:
    lines = (HERE / "suites" / "letter_kind.jsonl").read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line, type=Case) for line in lines]


def test_its_prompts_have_no_findings_without_a_server(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    del ctl.env["AGENTFLOW_TOKEN"]
    done = ctl("prompt", "lint", str(HERE / "prompts"), "--strict", "-o", "json")
    assert (done.code, done.document["findings"]) == (0, []), done.out
    assert len(done.document["prompts"]) == 3


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.name)
def test_a_file_is_written_to_its_own_bytes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert write_prompt(read_prompt(text)) == text
    assert path.name == read_prompt(text).name + SUFFIX


def test_its_prompts_are_pushed_parts_first_and_only_once(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    api = PromptApi()
    ctl.api = api
    tried = ctl("prompt", "push", str(HERE / "prompts"), "--dry-run", "-o", "json")
    assert (tried.code, api.changes) == (0, 0)
    assert {row["action"] for row in tried.document["prompts"]} == {"created"}
    assert ctl("prompt", "push", str(HERE / "prompts"), "--label", "staging").code == 0
    again = ctl("prompt", "push", str(HERE / "prompts"), "--label", "staging", "-o", "json")
    assert {row["action"] for row in again.document["prompts"]} == {"unchanged"}


def test_its_cases_are_of_its_prompt_and_expect_what_the_answer_may_be() -> None:
    prompt = read_prompt((HERE / "prompts" / f"letter_kind{SUFFIX}").read_text(encoding="utf-8"))
    assert prompt.output_schema is not None
    for case in cases():
        assert set(case.inputs) == set(prompt.variables or {})
        jsonschema_rs.validate(prompt.output_schema, case.expected)
    assert len({case.id for case in cases()}) == len(cases()) >= 5


def test_its_scorers_can_be_made() -> None:
    said: list[dict[str, Any]] = json.loads((HERE / "suites" / "letter_kind.scorers.json").read_text(encoding="utf-8"))
    check_scorers([msgspec.convert(one, ScorerSpec) for one in said])


def test_its_ci_lints_evaluates_with_a_gate_and_pushes() -> None:
    words = [" ".join(one[:2]) for one in commands()]
    assert words == ["prompt lint", "prompt push", "dataset import", "prompt eval", "prompt push"]
    assert any("--fail-under" in one for one in commands())


@pytest.mark.parametrize("args", commands(), ids=lambda args: " ".join(args[:2]))
def test_a_command_of_its_ci_exists_with_its_options_and_files(args: list[str]) -> None:
    command: click.Command = root
    words = list(args)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, args
        command = found
    command.make_context("test", words)
    named = [word.removeprefix("@") for word in words if word.startswith(("@", "suites/")) or word == "prompts"]
    assert all((HERE / name).exists() for name in named)
