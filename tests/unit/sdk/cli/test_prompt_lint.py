"""``agentctl prompt lint``: findings, sizes and costs, with and without a server."""

from pathlib import Path

import pytest

from tests.support.ctl import Ctl, problem

GOOD = (
    "---\nname: shortener\ninput: {schema: {text: string}}\n---\nSay this in fewer words:\n<text>\n{{text}}\n</text>\n"
)


@pytest.fixture
def ctl(tmp_path: Path) -> Ctl:
    return Ctl(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "prompts"
    found.mkdir()
    found.joinpath("shortener.prompt.md").write_text(GOOD, encoding="utf-8")
    return found


def test_a_right_folder_ends_with_0_and_shows_tokens_and_cost_per_tier(ctl: Ctl, folder: Path) -> None:
    done = ctl("prompt", "lint", str(folder), "--tier", "gold=openai/gpt-4o", "-o", "json")
    assert (done.code, done.document["findings"]) == (0, []), done.err
    [size] = done.document["prompts"]
    assert (size["tokens"], size["most_tokens"]) == (12, 48)
    assert size["cost_usd"] == {"gold": "0.00003"}


def test_a_lint_without_a_key_asks_no_server_and_says_so(ctl: Ctl, folder: Path) -> None:
    del ctl.env["AGENTFLOW_TOKEN"]
    done = ctl("prompt", "lint", str(folder))
    assert (done.code, ctl.api.sent) == (0, [])
    assert "cost: no server" in done.err


def test_prices_that_cannot_be_read_are_no_error(tmp_path: Path, folder: Path) -> None:
    done = Ctl(tmp_path, {("GET", "/api/v1/prices"): problem(503, "unavailable", "down")})(
        "prompt", "lint", str(folder)
    )
    assert (done.code, "cost: no server (down)" in done.err) == (0, True)


def test_an_error_ends_with_1_and_is_shown_with_its_place_and_fix(ctl: Ctl, folder: Path) -> None:
    path = folder / "shortener.prompt.md"
    path.write_text(GOOD.replace("{{text}}", "{{txet}}"), encoding="utf-8")
    done = ctl("prompt", "lint", str(path))
    assert done.code == 1
    [line] = [line for line in done.out.splitlines() if "missing-variable" in line]
    assert line.split()[:4] == [str(path), "7", "3", "error"]
    assert "correct the name" in line


def test_warnings_end_with_1_only_if_strict(ctl: Ctl, folder: Path) -> None:
    (folder / "shortener.prompt.md").write_text(GOOD.replace("<text>\n", "").replace("\n</text>", ""), encoding="utf-8")
    assert ctl("prompt", "lint", str(folder)).code == 0
    assert ctl("prompt", "lint", str(folder), "--strict").code == 1


def test_a_part_is_found_beside_a_file_or_at_the_server(ctl: Ctl, folder: Path) -> None:
    path = folder / "report.prompt.md"
    path.write_text("{{> shortener}} {{> greeter@3 name=text}}", encoding="utf-8")
    done = ctl("prompt", "lint", str(path), "-o", "json")
    assert [one["rule"] for one in done.document["findings"] if one["severity"] == "error"] == []
    path.write_text("{{> nothing}}", encoding="utf-8")
    assert ctl("prompt", "lint", str(path)).code == 1


def test_a_file_that_cannot_be_read_is_named(ctl: Ctl, folder: Path) -> None:
    (folder / "b.prompt.md").write_text("---\nnmae: b\n---\nx", encoding="utf-8")
    done = ctl("prompt", "lint", str(folder))
    assert (done.code, "b.prompt.md" in done.err) == (2, True)


def test_a_file_of_any_name_is_checked(ctl: Ctl, tmp_path: Path) -> None:
    path = tmp_path / "other" / "shortener.md"
    path.parent.mkdir()
    path.write_text(GOOD, encoding="utf-8")
    done = ctl("prompt", "lint", str(path))
    assert done.code == 0, done.err
