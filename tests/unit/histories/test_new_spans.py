"""Accepting other spans changes spans, and refuses everything else."""

from pathlib import Path

import pytest

from streams.core.runs.state.entries import FROM_LEDGER
from tests.histories import new_spans
from tests.histories.history import FOLDER, read
from tests.histories.migrate import NotOnlyNames
from tests.histories.new_spans import with_new_spans, without_fields, without_spans

HERE = Path.cwd()


def test_a_history_of_the_same_code_stays_as_it_is() -> None:
    path = FOLDER / "map_with_failures.jsonl"
    assert with_new_spans(path, HERE) == read(path)


def test_a_lost_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, asked = new_spans.whole_of, list[Path]()

    def lossy(path: Path, code: Path) -> dict[str, list[list[object]]]:
        found: dict[str, list[list[object]]] = whole(path, code)
        asked.append(code)
        if len(asked) == 2:
            found["commands"][0].pop()
        return found

    monkeypatch.setattr(new_spans, "whole_of", lossy)
    with pytest.raises(NotOnlyNames, match="three_functions, record 0"):
        with_new_spans(FOLDER / "three_functions.jsonl", HERE)


def test_only_spans_and_what_is_for_them_is_left_out() -> None:
    span, view = {"record": {"type": "trace.spans"}}, {"record": {"type": "run.view"}}
    assert without_spans([span, view, {"command": "Arm"}]) == [view, {"command": "Arm"}]
    assert without_fields({"first_asked_ms": 1, "booked": {"1#1": [5, True, FROM_LEDGER]}, "x": [1, 2, 3]}) == {
        "booked": {"1#1": [5, True, 0]},
        "x": [1, 2, 3],
    }
