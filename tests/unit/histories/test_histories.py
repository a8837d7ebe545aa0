"""Histories of real runs are folded as they were when they were recorded.

When one differs, the fold does something else with runs that there are already, in logs and in tables. If that is
meant, it needs a number of its own (``schemas.spec.rules_version``); see ``tests/histories/README.md``.
"""

import json
from pathlib import Path

import pytest

from tests.histories.built import BUILT
from tests.histories.history import FOLDER, History, differences, fold, read, write
from tests.histories.scenarios import SCENARIOS

RECORDED = sorted(FOLDER.glob("*.jsonl"))
BAD = FOLDER.parent / "bad"


def test_the_histories_that_must_be_there_are_there() -> None:
    assert {path.stem for path in RECORDED} >= {*SCENARIOS, *BUILT}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_history_is_folded_as_it_was(path: Path) -> None:
    found = differences(read(path))
    assert not found, "\n".join(["the fold makes something else of what was recorded:", *found])


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_history_ends_its_runs(path: Path) -> None:
    states = read(path).expected[-1]["states"]
    runs = {entity: entries["st"] for entity, entries in states.items() if "st" in entries}
    assert runs
    assert set(runs.values()) <= {"succeeded", "failed", "canceled"}


def test_a_bad_history_is_found_and_said() -> None:
    """In it, a result that came a second time is said to have changed the run."""
    (path,) = BAD.glob("*.jsonl")
    found = "\n".join(differences(read(path)))
    assert "record 3" in found
    assert "-" in found
    assert "ask for b attempt 2" in found


def test_other_bytes_are_found_where_words_are_the_same(tmp_path: Path) -> None:
    good = read(FOLDER / "three_functions.jsonl")
    changed = [dict(line) for line in good.expected]
    changed[0]["digest"] = "0" * 16
    assert "other bytes" in "\n".join(differences(History(good.chain_steps, good.records, changed)))
    write(tmp_path / "again.jsonl", good.chain_steps, good.records)
    assert read(tmp_path / "again.jsonl") == good


def test_states_are_compared_by_fields_that_are_set() -> None:
    good = read(FOLDER / "three_functions.jsonl")
    *_, end = fold(good.chain_steps, good.records)
    step = next(v for entries in end["states"].values() for name, v in entries.items() if name.startswith("s:"))
    assert step["state"] == "succeeded"
    assert "error" not in step
    assert json.loads(json.dumps(end)) == end
