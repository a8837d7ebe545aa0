"""``agentctl prompt import`` and ``export``: files of other programs."""

import json
from pathlib import Path

import pytest

from tests.support.ctl import Ctl

DATASET = "/api/v1/datasets/questions/rows"
PROMPTY = "---\nname: reply\nauthors: [x]\nsample: {question: Q}\n---\nuser:\n{{question}}\n"
PROMPTFOO = """prompts: [file://reply.txt]
tests:
- vars: {question: Q}
  assert: [{type: equals, value: A}]
"""


@pytest.fixture
def ctl(tmp_path: Path) -> Ctl:
    return Ctl(tmp_path)


def test_an_import_writes_our_files_and_names_what_is_lost(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "reply.prompty").write_text(PROMPTY, encoding="utf-8")
    folder = tmp_path / "prompts"
    command = ("prompt", "import", str(tmp_path / "reply.prompty"), "--from", "prompty")
    done = ctl(*command, "--into", str(folder), "-o", "json")
    assert done.code == 0, done.err
    assert "note: authors" in done.err
    text = '---\nname: reply\n---\n{{role "user"}}\n{{question}}\n'
    assert (folder / "reply.prompt.md").read_text(encoding="utf-8") == text
    case = json.loads((folder / "reply.cases.jsonl").read_text(encoding="utf-8"))
    assert case == {"id": "sample", "inputs": {"question": "Q"}}
    assert done.document["prompts"][0]["cases"] == 1


def test_an_import_replaces_no_file_unless_it_is_forced(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "reply.prompt").write_text("Hi {{name}}", encoding="utf-8")
    command = ("prompt", "import", str(tmp_path / "reply.prompt"), "--from", "dotprompt", "--into", str(tmp_path))
    assert ctl(*command).code == 0
    again = ctl(*command)
    assert (again.code, "exists" in again.err) == (2, True)
    assert ctl(*command, "--force").code == 0


def test_a_promptfoo_file_reads_the_files_that_it_names_beside_it_only(ctl: Ctl, tmp_path: Path) -> None:
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "config.yaml").write_text(PROMPTFOO, encoding="utf-8")
    (folder / "reply.txt").write_text("Answer {{question}}\n", encoding="utf-8")
    command = ("prompt", "import", str(folder / "config.yaml"), "--from", "promptfoo", "--name", "reply")
    done = ctl(*command, "--into", str(tmp_path))
    assert done.code == 0, done.err
    assert "Answer {{question}}" in (tmp_path / "reply.prompt.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "reply.scorers.json").read_text(encoding="utf-8")) == [{"kind": "exact"}]
    (folder / "config.yaml").write_text(PROMPTFOO.replace("reply.txt", "../secret.txt"), encoding="utf-8")
    refused = ctl(*command, "--into", str(tmp_path), "--force")
    assert (refused.code, "outside of its folder" in refused.err) == (2, True)


def test_a_file_that_cannot_be_imported_is_one_line(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "a.prompt").write_text("{{history}}", encoding="utf-8")
    done = ctl("prompt", "import", str(tmp_path / "a.prompt"), "--from", "dotprompt")
    assert (done.code, "'history' of Handlebars has no counterpart" in done.err) == (2, True)


def test_an_export_has_the_cases_of_a_dataset_over_its_pages(tmp_path: Path) -> None:
    pages = [
        {"cases": [{"id": "a", "inputs": {"name": "Ada"}, "expected": "Hi"}], "next_cursor": "x"},
        {"cases": [{"id": "b", "inputs": {"name": "Bob"}, "expected": "Ho"}], "next_cursor": None},
    ]
    ctl = Ctl(tmp_path, {("GET", DATASET): pages})
    command = ("prompt", "export", "greeter@3", "--to", "promptfoo", "--dataset", "questions")
    done = ctl(*command, "--scorers", '[{"kind": "exact"}]')
    assert done.code == 0, done.err
    assert done.out.count("type: equals") == 2
    assert "Ada" in done.out
    assert "Bob" in done.out


def test_an_export_of_a_file_needs_no_server(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "a.prompt.md").write_text("Hi {{.name}}\n", encoding="utf-8")
    done = ctl("prompt", "export", str(tmp_path / "a.prompt.md"), "--to", "dotprompt")
    assert (done.out, ctl.api.sent) == ("---\nname: a\n---\nHi {{name}}\n", [])


def test_an_export_that_cannot_be_is_refused(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "a.prompt.md").write_text("{{name | upper}}\n", encoding="utf-8")
    done = ctl("prompt", "export", str(tmp_path / "a.prompt.md"), "--to", "dotprompt")
    assert (done.code, "has no counterpart there" in done.err) == (2, True)
    wrong = ctl("prompt", "export", "greeter", "--to", "dotprompt", "--dataset", "questions")
    assert (wrong.code, "leave --dataset" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--dataset", "questions@staging"), "no version of a dataset"),
        (("--dataset", "CASES"), "a case without inputs"),
        (("--scorers", '{"kind": "exact"}'), "no list of scorers"),
        (("--scorers", '[{"name": "x"}]'), "no list of scorers"),
    ],
)
def test_cases_and_scorers_that_are_none_are_one_line(
    ctl: Ctl, tmp_path: Path, options: tuple[str, str], words: str
) -> None:
    (tmp_path / "cases.jsonl").write_text('{"question": "Q"}\n', encoding="utf-8")
    given = [str(tmp_path / "cases.jsonl") if one == "CASES" else one for one in options]
    done = ctl("prompt", "export", "greeter", "--to", "promptfoo", *given)
    assert (done.code, words in done.err) == (2, True)
    assert DATASET not in [one.path for one in ctl.api.sent]


@pytest.mark.parametrize("command", ["export", "diff"])
def test_a_file_that_is_not_there_is_no_prompt_of_the_server(ctl: Ctl, command: str) -> None:
    options = ("--to", "dotprompt") if command == "export" else ("greeter",)
    done = ctl("prompt", command, "nothing.prompt.md", *options)
    assert (done.code, "there is no file nothing.prompt.md" in done.err, ctl.api.sent) == (3, True, [])


def test_an_import_of_several_prompts_writes_none_if_one_would_replace_a_file(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("prompts: ['A {{x}}', 'B {{x}}']\n", encoding="utf-8")
    command = ("prompt", "import", str(tmp_path / "config.yaml"), "--from", "promptfoo", "--name", "reply")
    (tmp_path / "reply_2.prompt.md").write_text("mine", encoding="utf-8")
    refused = ctl(*command, "--into", str(tmp_path))
    assert (refused.code, "reply_2.prompt.md exists" in refused.err) == (2, True)
    assert not (tmp_path / "reply.prompt.md").exists()
    assert (tmp_path / "reply_2.prompt.md").read_text(encoding="utf-8") == "mine"
