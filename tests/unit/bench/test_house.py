"""The area ``house``: what is counted in code, imports and pages, and a run over this checkout."""

import subprocess

import pytest

from bench.lines import BenchError
from bench.prove.__main__ import main
from bench.prove.house import AIMS, nets
from bench.prove.house.code import facts_of, largest_folder, modules_in
from bench.prove.house.imports import cycles, layers_of, upward
from bench.results import ROOT

SOURCE = '''"""A module."""
from typing import Any, cast

# A line for itself.
x: Any = cast(int, 1)  # type: ignore[assignment]


class Shop:
    def __init__(self, a, *, b):
        self.a = a

    def open(self, c: Any) -> None:
        """Open it."""

        def inner(): ...

    def close(self): ...


class _Back:
    def hidden(self): ...
'''
LAYERS = [["deploy"], ["streams", "api"], ["connectors"], ["schemas"]]


@pytest.fixture
def facts(tmp_path):
    path = tmp_path / "shop.py"
    path.write_text(SOURCE, encoding="utf-8")
    return facts_of(path)


def test_module_facts_count_lines_comments_and_types(facts):
    assert (facts.lines, facts.comment_lines, facts.anys, facts.casts, facts.ignores) == (21, 1, 2, 1, 1)


def test_function_facts_tell_public_from_private(facts):
    found = {one.name: (one.is_public, one.has_docstring, one.parameters, one.lines) for one in facts.functions}
    assert found == {
        "__init__": (False, False, 2, 2),
        "open": (True, True, 1, 4),
        "inner": (False, False, 0, 1),
        "close": (True, False, 0, 1),
        "hidden": (False, False, 0, 1),
    }


def test_largest_folder_counts_modules_directly_in_it(tmp_path):
    for name in ("a/one.py", "a/two.py", "a/__init__.py", "a/b/three.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n", encoding="utf-8")
    assert largest_folder(modules_in(tmp_path, ["a"])) == ("a", 2)


def test_layers_are_those_of_import_linter():
    layers = layers_of(ROOT / "pyproject.toml")
    assert layers[0] == ["deploy"]
    assert ["streams", "api"] in layers


@pytest.mark.parametrize(
    ("one", "other", "is_upward"),
    [
        ("streams.a", "schemas.b", False),
        ("schemas.b", "streams.a", True),
        ("streams.a", "api.b", True),
        ("streams.a", "streams.b", False),
        ("bench.a", "deploy.b", False),
    ],
)
def test_import_to_a_higher_layer_or_a_sibling_is_upward(one, other, is_upward):
    assert upward({one: {other}}, LAYERS) == ([(one, other)] if is_upward else [])


def test_cycles_finds_each_circle_and_none_in_a_tree():
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    found = cycles({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}, "e": {"a"}})
    assert sorted(sorted(set(circle)) for circle in found) == [["a", "b"], ["c", "d"]]


def test_where_rows_are_rows_with_a_path(tmp_path):
    assert nets.rows_of_where(tmp_path) == 0
    (tmp_path / "docs").mkdir()
    page = "| what | where |\n|---|---|\n| retries | `streams/core/retry.py` |\n| x | [`a`](b) |\n\n`no row`\n"
    (tmp_path / "docs/where.md").write_text(page, encoding="utf-8")
    assert nets.rows_of_where(tmp_path) == 2


def test_long_subjects_are_those_after_the_commit_of_moves(tmp_path):
    def git(*args):
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *args]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "m" * 90)
    (tmp_path / ".git-blame-ignore-revs").write_text(f"# moves\n{git('rev-parse', 'HEAD')}\n", encoding="utf-8")
    for length in (72, 73):
        git("commit", "-q", "--allow-empty", "-m", "s" * length)
    assert nets.long_subjects(tmp_path) == ["s" * 73]


def test_long_subjects_fail_where_the_commit_of_moves_is_unknown(tmp_path):
    (tmp_path / ".git-blame-ignore-revs").write_text("0" * 40 + "\n", encoding="utf-8")
    with pytest.raises(BenchError):
        nets.long_subjects(tmp_path)


def test_planted_mistakes_are_played_by_the_simulation_of_this_checkout(monkeypatch):
    played = nets._python(ROOT, "-m", "tests.simulation", "--recorded", "no_epoch_check")
    monkeypatch.setattr(nets, "_python", lambda *_: played)
    assert nets.found_by_simulation(ROOT) == (1, 1, [])


def test_mistake_that_its_seed_does_not_show_is_named(monkeypatch):
    output = "no_epoch_check: not found\n4 of 5 found, by seeds up to 1999\n"
    monkeypatch.setattr(nets, "_python", lambda *_: subprocess.CompletedProcess([], 1, output, ""))
    assert nets.found_by_simulation(ROOT) == (4, 5, ["no_epoch_check"])


@pytest.mark.parametrize("output", ["", "5 of 5 found, by seeds up to 2000\n"])
def test_simulation_that_says_nothing_or_plays_later_seeds_fails(monkeypatch, output):
    monkeypatch.setattr(nets, "_python", lambda *_: subprocess.CompletedProcess([], 0, output, ""))
    with pytest.raises(BenchError):
        nets.found_by_simulation(ROOT)


def test_area_house_runs_on_this_checkout(capsys):
    code = main(["--area", "house", "--quick"])
    output = capsys.readouterr().out
    figures = {line.split()[0]: float(line.split()[1]) for line in output.splitlines() if line[0] != "#"}
    slow = {"mistakes_found_by_simulation"}
    assert set(figures) == {aim.name for aim in AIMS} - slow
    assert figures["imports_upward"] == figures["import_cycles"] == 0
    assert figures["golden_histories"] >= 21
    assert code == (3 if "# below the floor" in output else 0)
