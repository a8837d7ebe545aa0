"""Migrating histories changes names, and refuses everything else."""

from pathlib import Path

import pytest

from tests.histories import migrate
from tests.histories.history import FOLDER, read, write_lines
from tests.histories.migrate import NotOnlyNames, migrated, renamed

HERE = Path.cwd()


def test_a_history_of_the_same_code_stays_as_it_is() -> None:
    path = FOLDER / "chained.jsonl"
    assert migrated(path, HERE) == read(path)


def test_expectations_that_the_base_does_not_meet_are_refused(tmp_path: Path) -> None:
    good = read(FOLDER / "three_functions.jsonl")
    first, *rest = good.expected
    path = tmp_path / "wrong.jsonl"
    write_lines(path, good.chain_steps, good.records, [first | {"digest": "0" * 16}, *rest])
    with pytest.raises(NotOnlyNames, match="than what was recorded"):
        migrated(path, HERE)


def test_a_change_that_is_no_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that loses an input changes what steps are asked for with."""

    def lossy(value: object, names: dict[str, str]) -> object:
        found = renamed(value, names)
        return found | {"inputs": {}} if isinstance(found, dict) and found.get("type") == "run.submitted" else found

    monkeypatch.setattr(migrate, "renamed", lossy)
    with pytest.raises(NotOnlyNames, match=r"three_functions, record 0.*it was|there only"):
        migrated(FOLDER / "three_functions.jsonl", HERE)


def test_fields_and_words_of_the_base_are_renamed() -> None:
    old = {"type": "step.succeeded", "chain": "goes_on", "spec_hash": "old", "semantics": 7}
    assert renamed(old, {"old": "new"}) == {
        "type": "step.succeeded",
        "chain": "continues",
        "spec_hash": "new",
        "rules_version": 1,
    }
    assert renamed({"type": "run.submitted", "semantics": 7}, {}) == {"type": "run.submitted"}
