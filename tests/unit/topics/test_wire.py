"""The wire format is frozen: records may gain optional fields, nothing else."""

import copy
import re
from typing import Any

import pytest

from tests.wire.schema import WIDENED, breaking, current, frozen


def test_records_equal_the_committed_schemas() -> None:
    old, new = frozen(), current()
    assert breaking(old, new) == []
    assert new == old, "additions only: accept them with `python -m tests.wire`"


@pytest.fixture
def changed() -> dict[str, Any]:
    return copy.deepcopy(frozen())


def test_an_optional_field_is_no_breaking_change(changed: dict[str, Any]) -> None:
    changed["types"]["CostEvent"]["properties"]["note"] = {"type": "string"}
    assert breaking(frozen(), changed) == []


def test_a_new_record_type_is_no_breaking_change(changed: dict[str, Any]) -> None:
    changed["types"]["RunPaused"] = {"type": "object", "properties": {}}
    changed["topics"]["run-events"].append("RunPaused")
    assert breaking(frozen(), changed) == []


def test_a_removed_field_is_named(changed: dict[str, Any]) -> None:
    del changed["types"]["CostEvent"]["properties"]["org_id"]
    assert breaking(frozen(), changed) == ["CostEvent.org_id is gone"]


def test_a_new_required_field_is_named(changed: dict[str, Any]) -> None:
    changed["types"]["CostEvent"]["properties"]["note"] = {"type": "string"}
    changed["types"]["CostEvent"]["required"].append("note")
    assert breaking(frozen(), changed) == ["CostEvent.note is required now, and old writers leave it out"]


def test_another_type_is_named(changed: dict[str, Any]) -> None:
    changed["types"]["CostEvent"]["properties"]["org_id"] = {"type": "integer"}
    assert breaking(frozen(), changed) == ["CostEvent.org_id: type was 'string' and is 'integer'"]


def test_a_lost_choice_is_named(changed: dict[str, Any]) -> None:
    variants = changed["types"]["RunView"]["properties"]["status"]["enum"]
    lost = variants.pop()
    assert breaking(frozen(), changed) == [f"RunView.status: enum lost {lost!r}"]


def test_a_removed_record_type_is_named(changed: dict[str, Any]) -> None:
    changed["topics"]["run-events"].remove("TimerFired")
    del changed["types"]["TimerFired"]
    assert breaking(frozen(), changed) == ["run-events: TimerFired is gone", "TimerFired is gone"]


def _kinds(changed: dict[str, Any]) -> dict[str, Any]:
    nodes: dict[str, Any] = changed["types"]["RunSubmitted"]["properties"]["spec"]["$defs"]["Dag"]["properties"][
        "nodes"
    ]
    return nodes["items"]  # type: ignore[no-any-return]


def test_a_new_kind_of_node_is_no_breaking_change(changed: dict[str, Any]) -> None:
    _kinds(changed)["oneOf"].append({"$ref": "#/$defs/SleepNode"})
    _kinds(changed)["discriminator"]["mapping"]["sleep"] = "#/$defs/SleepNode"
    assert breaking(frozen(), changed) == []


def test_a_lost_kind_of_node_is_named(changed: dict[str, Any]) -> None:
    _kinds(changed)["oneOf"].remove({"$ref": "#/$defs/WaitNode"})
    del _kinds(changed)["discriminator"]["mapping"]["wait"]
    first, second = breaking(frozen(), changed)
    assert first.endswith("discriminator lost 'wait'")
    assert second.endswith("oneOf lost {'$ref': '#/$defs/WaitNode'}")


@pytest.mark.parametrize("text", ["ask", "ask@1", "a.b-c_D@999999999"])
def test_a_widened_pattern_matches_all_that_it_matched(text: str) -> None:
    for old, new in WIDENED.items():
        assert re.search(old, text)
        assert re.search(new, text)


@pytest.mark.parametrize("new", ["^[a-z]+$", None])
def test_any_other_pattern_is_a_breaking_change(new: str | None) -> None:
    field = {"type": "string", "pattern": next(iter(WIDENED))}
    old, now = ({"topics": {}, "types": {"X": {"properties": {"x": one}}}} for one in (field, field | {"pattern": new}))
    assert breaking(old, now)


@pytest.mark.parametrize(("now", "breaks"), [({}, False), ({"minItems": 2}, True)])
def test_a_list_may_become_shorter_and_not_longer(now: dict[str, Any], breaks: bool) -> None:
    field = {"type": "array", "minItems": 1}
    old, new = ({"topics": {}, "types": {"X": {"properties": {"x": one}}}} for one in (field, {"type": "array"} | now))
    assert bool(breaking(old, new)) == breaks
