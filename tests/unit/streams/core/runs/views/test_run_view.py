"""Views stay below the log's limit, however much a run holds."""

import msgspec
import pytest
from msgspec import structs

from schemas.payload import Reference, inline
from schemas.records.base import Usage
from streams.core.runs.requests.sizes import FIXED, RECORD_LIMIT, payload_size
from streams.core.runs.views.run_view import OUTPUT_SHARE
from tests.support.runs import World, function

BIG = "é" * 30_000


def size(record):
    return len(msgspec.json.encode(record).decode().encode())


@pytest.fixture
def world():
    return World()


def test_a_wide_map_is_shown_in_several_views(world):
    world.submit(function("m", parallel=True, items=list(range(2_000)), max_parallel=2_000), inputs={"text": BIG})
    assert len(world.views) > 1
    assert {v.version for v in world.views} == {0}
    shown = [s.step_id for v in world.views for s in v.steps]
    assert len(shown) == len(set(shown)) == 2_001
    assert [v.inputs is not None for v in world.views] == [True] + [False] * (len(world.views) - 1)
    assert all(size(v) <= RECORD_LIMIT for v in world.views)


def test_the_whole_run_is_shown_in_as_many_views_as_it_takes(world):
    world.submit(*(function(f"n{i}") for i in range(30)))
    for i in range(30):
        world.succeed(f"n{i}", BIG)
    last = world.views[-1]
    assert (last.status, size(last) <= RECORD_LIMIT) == ("succeeded", True)
    assert set(last.output) | set(last.output_in_steps) == {f"n{i}" for i in range(30)}
    assert not set(last.output) & set(last.output_in_steps)
    assert len(last.output) == 7  # of 60,002 bytes each in half of a record
    again = World()
    again.take_in(world.rules.outstanding(world.state, "run-1", world.now_ms))
    assert len(again.views) > 1
    assert all(size(v) <= RECORD_LIMIT for v in again.views)
    assert {s.step_id: s.output.value for v in again.views for s in v.steps} == {f"n{i}": BIG for i in range(30)}
    assert again.views[0].output == last.output


def test_the_biggest_output_that_is_taken_still_fits(world):
    world.submit(function("a"), inputs={"text": "x" * 500_000})
    world.succeed("a", "x" * 520_000)
    assert world.status == "succeeded"
    last = world.views[-1]
    assert (last.output, last.output_in_steps, len(last.steps[0].output.value)) == ({}, ["a"], 520_000)
    again = World()
    again.take_in(world.rules.outstanding(world.state, "run-1", world.now_ms))
    assert all(size(v) <= RECORD_LIMIT for v in again.views)
    assert len(again.views) == 2


def test_a_mapped_sinks_output_is_the_list_with_stored_parts_named(world):
    far = Reference(uri="file:///big", sha256="0" * 64, size=10)
    world.submit(function("m", parallel=True, items=[1, 2]))
    world.succeed("m[1]", far)
    world.succeed("m[0]", "A")
    assert world.views[-1].output["m"].value == ["A", msgspec.to_builtins(far)]


def test_the_room_for_a_step_is_an_upper_bound(world):
    world.submit(function("a"), budget_nano=2**52)
    world.succeed("a", 1, cost_nano=2**52, provider="p" * 60, model="m" * 120)
    assert size(world.views[-1].steps[0]) < FIXED
    assert size(structs.replace(world.views[-1], steps=[])) < FIXED


@pytest.mark.parametrize("usage", [Usage(input_tokens=3), Usage(output_tokens=5)])
def test_usage_of_one_kind_alone_is_shown(world, usage):
    world.submit(function("a"))
    world.succeed("a", 1, usage=usage)
    assert world.views[-1].usage == usage
    assert world.views[-1].steps[0].usage == usage


@pytest.mark.parametrize(("over", "shown"), [(0, True), (1, False)])
def test_a_sinks_output_is_shown_if_it_fits_its_share_exactly(world, over, shown):
    half = OUTPUT_SHARE // 2
    world.submit(function("a"), function("b"))
    world.succeed("a", "x" * (half - payload_size(inline(""))))
    world.succeed("b", "x" * (OUTPUT_SHARE - half - payload_size(inline("")) + over))
    last = world.views[-1]
    assert list(last.output) == ["a", "b"][: 1 + shown]
    assert last.output_in_steps == ["b"][: 1 - shown]


@pytest.mark.parametrize(("over", "views"), [(0, 1), (1, 2)])
def test_a_step_is_shown_with_the_inputs_if_both_fit_a_record_exactly(world, over, views):
    room = RECORD_LIMIT - 2 * FIXED - len('{"text":""}')
    world.submit(function("a", inputs={}), inputs={"text": "x" * (room + over)})
    assert len(world.views) == views
    assert [step.step_id for view in world.views for step in view.steps] == ["a"]
