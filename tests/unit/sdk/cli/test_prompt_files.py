"""``agentctl prompt pull``, ``push`` and ``diff``: a folder of files and the API beside it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.ctl import Ctl, Ended, problem
from tests.support.prompt_api import PromptApi

HEADER = "---\nname: header\n---\nBe {{tone}}.\n"
REPORT = """---
name: report
model: gpt-4o
config:
  temperature: 0.2
input:
  schema:
    question: string
---
{{role "system"}}
{{> header tone="kind"}}

{{role "user"}}
<question>
{{question}}
</question>
"""


@pytest.fixture
def ctl(tmp_path: Path) -> Ctl:
    return Ctl(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "prompts"
    found.mkdir()
    found.joinpath("header.prompt.md").write_text(HEADER, encoding="utf-8")
    found.joinpath("a_report.prompt.md").write_text(REPORT, encoding="utf-8")
    return found


def _rows(done: Ended) -> dict[str, tuple[str, Any]]:
    return {row["name"]: (row["action"], row.get("version")) for row in done.document["prompts"]}


def test_a_push_creates_what_changed_parts_first_and_nothing_the_second_time(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    assert _rows(ctl("prompt", "push", str(folder), "-o", "json")) == {
        "header": ("created", 1),
        "report": ("created", 1),
    }
    sent = ctl.api.changes
    again = ctl("prompt", "push", str(folder), "-o", "json")
    assert _rows(again) == {"header": ("unchanged", 1), "report": ("unchanged", 1)}
    assert (again.code, ctl.api.changes) == (0, sent)


def test_a_prompt_is_pushed_when_a_part_that_it_includes_has_changed(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    ctl("prompt", "push", str(folder))
    folder.joinpath("header.prompt.md").write_text(HEADER.replace("Be", "Stay"), encoding="utf-8")
    tried = ctl("prompt", "push", str(folder), "--dry-run", "-o", "json")
    assert _rows(tried) == {"header": ("changed", None), "report": ("changed", None)}
    assert _rows(ctl("prompt", "push", str(folder), "-o", "json")) == {
        "header": ("changed", 2),
        "report": ("changed", 2),
    }


def test_a_dry_run_knows_the_labels_that_it_would_move_to_a_part(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    header, report = folder / "header.prompt.md", folder / "a_report.prompt.md"
    report.write_text(REPORT.replace("> header", "> header@production"), encoding="utf-8")
    header.write_text(HEADER.replace("---\nBe", "labels: [production]\n---\nBe"), encoding="utf-8")
    ctl("prompt", "push", str(folder))
    header.write_text(header.read_text(encoding="utf-8").replace("Be", "Stay"), encoding="utf-8")
    tried = ctl("prompt", "push", str(folder), "--dry-run", "-o", "json")
    assert _rows(tried) == {"header": ("changed", None), "report": ("changed", None)}


def test_a_dry_run_of_a_push_sends_no_change(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    done = ctl("prompt", "push", str(folder), "--dry-run", "--label", "staging")
    assert (done.code, ctl.api.changes) == (0, 0), done.err
    assert "created" in done.out


def test_a_label_is_moved_to_a_version_that_is_there(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    ctl("prompt", "push", str(folder))
    done = ctl("prompt", "push", str(folder), "--label", "staging", "-o", "json")
    assert _rows(done) == {"header": ("labels", 1), "report": ("labels", 1)}
    assert _rows(ctl("prompt", "push", str(folder), "--label", "staging", "-o", "json"))["header"] == ("unchanged", 1)


def test_one_prompt_that_is_refused_ends_with_1_and_the_others_are_there(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    text = REPORT.replace("header tone", "nothing tone")
    folder.joinpath("a_report.prompt.md").write_text(text, encoding="utf-8")
    done = ctl("prompt", "push", str(folder), "-o", "json")
    assert (done.code, _rows(done)["header"][0], _rows(done)["report"][0]) == (1, "created", "failed")
    assert "no prompt nothing" in done.document["prompts"][1]["problem"]


def test_a_wrong_file_is_named_before_anything_is_sent(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    folder.joinpath("header.prompt.md").write_text("---\nmodle: x\n---\ny", encoding="utf-8")
    done = ctl("prompt", "push", str(folder))
    assert (done.code, ctl.api.changes) == (2, 0)
    assert "header.prompt.md: modle is no field of a prompt file" in done.err


def test_two_files_of_one_prompt_are_refused(ctl: Ctl, folder: Path) -> None:
    folder.joinpath("copy.prompt.md").write_text(HEADER, encoding="utf-8")
    done = ctl("prompt", "push", str(folder))
    assert (done.code, "both of the prompt header" in done.err) == (2, True)


def test_what_is_pushed_and_pulled_into_another_folder_is_the_same_bytes(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    ctl("prompt", "push", str(folder))
    other = folder.parent / "other"
    done = ctl("prompt", "pull", str(other), "-o", "json")
    assert _rows(done) == {"header": ("created", 1), "report": ("created", 1)}
    assert other.joinpath("header.prompt.md").read_text(encoding="utf-8") == HEADER
    assert other.joinpath("report.prompt.md").read_text(encoding="utf-8") == REPORT


def test_a_pull_leaves_files_alone_that_say_the_same_in_other_words(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    ctl("prompt", "push", str(folder))
    text = "---\n# Who we are.\nname: 'header'\n---\n\nBe {{tone}}.\n\n"
    folder.joinpath("header.prompt.md").write_text(text, encoding="utf-8")
    assert _rows(ctl("prompt", "pull", str(folder), "header", "-o", "json")) == {"header": ("unchanged", 1)}
    assert folder.joinpath("header.prompt.md").read_text(encoding="utf-8") == text


def test_a_pull_replaces_an_earlier_version_and_no_change_of_ones_own(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    ctl("prompt", "push", str(folder))
    path = folder / "header.prompt.md"
    path.write_text(HEADER.replace("Be", "Stay"), encoding="utf-8")
    ctl("prompt", "push", str(folder))
    path.write_text(HEADER, encoding="utf-8")
    assert _rows(ctl("prompt", "pull", str(folder), "header", "-o", "json")) == {"header": ("updated", 2)}
    path.write_text(HEADER.replace("Be", "Remain"), encoding="utf-8")
    done = ctl("prompt", "pull", str(folder), "header", "-o", "json")
    assert (done.code, _rows(done)["header"][0]) == (1, "conflict")
    assert "--force" in done.err
    assert "Remain" in path.read_text(encoding="utf-8")
    assert ctl("prompt", "pull", str(folder), "header", "--force").code == 0
    assert "Stay" in path.read_text(encoding="utf-8")


def test_a_prompt_that_is_not_there_is_not_found(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    assert ctl("prompt", "pull", str(folder), "nothing").code == 3
    assert ctl("prompt", "diff", "nothing").code == 3
    assert ctl("prompt", "push", str(folder / "nothing")).code == 3


def test_a_diff_shows_lines_and_parameters(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    ctl("prompt", "push", str(folder))
    path = folder / "a_report.prompt.md"
    path.write_text(REPORT.replace("0.2", "0.7").replace("<question>", "<text>"), encoding="utf-8")
    done = ctl("prompt", "diff", "report", str(path))
    assert done.code == 1
    assert "-<question>\n+<text>" in done.out
    assert "temperature: 0.2 -> 0.7" in done.out
    ctl("prompt", "push", str(folder))
    between = json.loads(ctl("prompt", "diff", "report", "-o", "json").out)
    assert (between["from"], between["to"]) == ("report@1", "report@2")
    assert between["changes"] == [{"name": "temperature", "from": 0.2, "to": 0.7}]
    same = ctl("prompt", "diff", "report@2", str(path))
    assert (same.code, same.out) == (0, "")


def test_a_diff_of_a_first_version_needs_another(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    ctl("prompt", "push", str(folder))
    done = ctl("prompt", "diff", "header")
    assert (done.code, "first version" in done.err) == (1, True)


def test_a_part_that_the_server_does_not_find_is_a_problem_of_its_prompt_alone(tmp_path: Path, folder: Path) -> None:
    ctl = Ctl(tmp_path, {("POST", "/api/v1/prompts"): [problem(404, "not-found", "no such part"), {"version": 1}]})
    done = ctl("prompt", "push", str(folder), "-o", "json")
    assert (done.code, [row["action"] for row in done.document["prompts"]]) == (1, ["failed", "created"])


def test_a_key_that_may_not_write_ends_a_push_at_once(tmp_path: Path, folder: Path) -> None:
    ctl = Ctl(tmp_path, {("POST", "/api/v1/prompts"): problem(403, "forbidden", "the key may not write")})
    assert ctl("prompt", "push", str(folder)).code == 4
    assert sum(sent.method == "POST" for sent in ctl.api.sent) == 1


def test_a_diff_of_a_file_alone_says_what_it_needs(ctl: Ctl, folder: Path) -> None:
    done = ctl("prompt", "diff", str(folder / "header.prompt.md"))
    assert (done.code, "has no version before" in done.err, ctl.api.sent) == (2, True, [])


def test_a_pull_finds_the_file_of_a_prompt_by_the_name_in_it(ctl: Ctl, folder: Path) -> None:
    ctl.api = PromptApi()
    ctl("prompt", "push", str(folder))
    assert _rows(ctl("prompt", "pull", str(folder), "-o", "json"))["report"] == ("unchanged", 1)
    assert not folder.joinpath("report.prompt.md").exists()
