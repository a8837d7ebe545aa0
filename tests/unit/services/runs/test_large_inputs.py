"""Which inputs of a run are stored outside of its record, and what the record says of them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from schemas.errors import InvalidInput, TooLarge, Unavailable
from schemas.payload import INLINE_LIMIT
from schemas.records.run_events import RunSubmitted
from schemas.spec.inputs.decision_inputs import read_here
from services.runs.large_inputs import LEAST_BYTES, MAX_LEFT_BYTES, LargeInputs, choose
from tests.support.runs import function, llm, resolved, spec, submitted, switch

KIB = 1024


@pytest.fixture
def large(tmp_path: Path) -> LargeInputs:
    return LargeInputs(LocalObjects(tmp_path))


def run_of(inputs: dict[str, Any]) -> RunSubmitted:
    return submitted(resolved(function("a")), inputs=inputs)


@pytest.mark.parametrize(
    ("sizes", "kept", "chosen"),
    [
        ({"a": 70 * KIB, "b": 100, "c": 20 * KIB}, set(), ["a"]),
        ({"a": 50 * KIB, "b": 40 * KIB, "c": 30 * KIB}, set(), ["a", "b"]),
        ({"a": 50 * KIB, "b": 90 * KIB, "c": 70 * KIB}, set(), ["b", "c"]),
        ({f"n{i}": LEAST_BYTES - 1 for i in range(9)}, set(), []),
        # What the run reads itself stays, unless the record has no room for it.
        ({"a": 70 * KIB, "b": 200 * KIB}, {"b"}, ["a"]),
        ({"a": 70 * KIB, "b": 200 * KIB, "c": 90 * KIB}, {"b", "c"}, ["a", "b"]),
        ({"a": 300 * KIB, "b": 200 * KIB}, None, ["a"]),
        # Equal sizes are chosen by name, so that a repeat chooses the same.
        ({"b": 60 * KIB, "a": 60 * KIB}, set(), ["a"]),
    ],
)
def test_the_largest_are_stored_until_little_is_left(
    sizes: dict[str, int], kept: set[str] | None, chosen: list[str]
) -> None:
    found, left = choose(sizes, None if kept is None else frozenset(kept))
    assert found == chosen
    assert left >= sum(size for name, size in sizes.items() if name not in chosen)


async def test_what_is_stored_leaves_null_and_its_reference(large: LargeInputs, tmp_path: Path) -> None:
    rows = ["x" * 1_000] * 100
    record = run_of({"rows": rows, "n": 1, "text": "y" * 300_000})
    placed = await large.placed(record, frozenset())
    assert list(placed.inputs.items()) == [("rows", None), ("n", 1), ("text", None)]
    assert {name: one.length for name, one in placed.stored_inputs.items()} == {"rows": 100, "text": None}
    assert await LocalObjects(tmp_path).resolve("acme", placed.stored_inputs["rows"]) == rows
    assert await large.placed(record, frozenset()) == placed


async def test_many_small_values_are_refused_with_the_way_out(large: LargeInputs) -> None:
    inputs = {f"n{i}": "x" * 10_000 for i in range(40)}
    with pytest.raises(TooLarge, match="put many small values together"):
        await large.placed(run_of(inputs), frozenset())
    together = await large.placed(run_of({"all": list(inputs.values())}), frozenset())
    assert together.stored_inputs["all"].length == 40


async def test_what_no_value_is_large_enough_for_stays_as_it_is(large: LargeInputs) -> None:
    record = run_of({f"n{i}": "x" * 10_000 for i in range(10)})
    assert await large.placed(record, frozenset()) is record


def test_the_limit_is_of_all_inputs(tmp_path: Path) -> None:
    large = LargeInputs(LocalObjects(tmp_path), 100)
    assert large.size_of({"a": "x" * 90}) == 98
    with pytest.raises(TooLarge, match="101 bytes as JSON, the limit is 100"):
        large.size_of({"a": "x" * 93})
    with pytest.raises(InvalidInput):
        large.size_of({"a": 2**70})


@pytest.mark.parametrize("most", [0, -1, 64 * KIB * KIB + 1])
def test_a_limit_that_no_installation_can_have(tmp_path: Path, most: int) -> None:
    with pytest.raises(ValueError, match="MAX_INPUTS_BYTES"):
        LargeInputs(LocalObjects(tmp_path), most)


async def test_a_store_that_is_down_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable):
        await LargeInputs(LocalObjects(tmp_path / "file")).placed(run_of({"a": "x" * 100_000}), frozenset())


async def test_a_store_that_hangs_is_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Hanging(LocalObjects):
        async def put(self, *_: Any, **__: Any) -> Any:
            await asyncio.Event().wait()

    monkeypatch.setattr("services.runs.large_inputs.STORE_S", 0.01)
    with pytest.raises(Unavailable, match="not stored within"):
        await LargeInputs(Hanging(tmp_path)).placed(run_of({"a": "x" * 100_000}), frozenset())


def test_the_limits_leave_room_for_a_record_and_its_plan() -> None:
    assert LEAST_BYTES < INLINE_LIMIT < MAX_LEFT_BYTES


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        ([function("a", inputs={"x": "{{big}}", "y": ["{{other.deep}}"]})], set()),
        ([function("a", inputs={"x": "Say {{big}}", "y": ["{{n}}/{{m}}"]})], {"big", "n", "m"}),
        ([function("a", parallel=True, items="{{big}}")], set()),
        ([function("a", parallel=True, items="{{big.rows}}")], {"big"}),
        ([function("a", parallel=True, items=["{{big.rows}}"])], set()),
        ([function("a", condition="inputs.kind == 'x' && inputs.n > 2")], {"kind", "n"}),
        ([function("a", condition="size(inputs) > 2")], None),
        ([switch("s", ("inputs.k == 1", "b")), function("b")], {"k"}),
        ([{"id": "w", "type": "wait", "config": {"until": "{{at}}"}}], {"at"}),
        ([llm("a")], set()),
    ],
)
def test_which_inputs_a_workflow_reads_by_itself(nodes: list[dict[str, Any]], names: set[str] | None) -> None:
    edges = "s>b" if len(nodes) == 2 else ""
    assert read_here(spec(*nodes, edges=edges).dag.nodes) == names
