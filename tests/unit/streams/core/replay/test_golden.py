"""Golden files keep a run with what was made of it, and say where they cannot be read."""

import json

import pytest

from schemas.errors import InvalidInput
from streams.core.replay.golden import golden_lines, read_golden
from streams.core.replay.records import Recorded, event_of
from streams.core.replay.verify import Recording, verify
from tests.histories.history import FOLDER, read
from tests.support.replays import recording, texts_of
from tests.support.runs import World, function


async def lines() -> list[str]:
    ran = World()
    ran.submit(function("a"))
    ran.succeed("a", {"x": 1})
    return await golden_lines(recording(ran), texts_of(ran))


async def test_a_file_is_read_as_it_was_written() -> None:
    found = read_golden("g", "\n".join(await lines()))
    assert [one.event.type for one in found.records] == ["run.submitted", "step.succeeded"]
    assert found.end is not None
    assert found.end.status == "succeeded"
    assert found.expected is not None
    assert set(found.expected[0].decided) == {"request a#1", "view"}
    verdict = await verify(found)
    assert (verdict.equal, verdict.compared) == (True, ["decisions", "end"])


async def test_a_run_that_failed_has_no_output_to_compare() -> None:
    ran = World()
    ran.submit(function("a"))
    ran.fail("a", retryable=False)
    found = read_golden("g", "\n".join(await golden_lines(recording(ran), texts_of(ran))))
    assert found.end is not None
    assert (found.end.status, found.end.error_code, found.end.output_hash) == ("failed", "boom", "")
    assert (await verify(found)).equal


@pytest.mark.parametrize(
    ("number", "text", "problem"),
    [
        (0, "{}", "g:1: is no golden file of form 1"),
        (0, "", "g:1: is no JSON"),
        (1, "[]", "g:2: is no JSON object"),
        (1, '{"offset": 1}', "g:2: cannot be read"),
        (1, '{"offset": 1, "at_ms": 1, "record": "{}", "decided": {}}', "g:2: cannot be read"),
        (3, '{"end": {"status": 1}}', "g:4: cannot be read"),
    ],
)
async def test_a_file_that_is_none_names_the_line(number: int, text: str, problem: str) -> None:
    wrong = await lines()
    wrong[number] = text
    with pytest.raises(InvalidInput, match=problem):
        read_golden("g", "\n".join(wrong))


async def test_what_a_record_decides_is_told_from_what_it_only_says() -> None:
    found = json.loads((await lines())[2])
    assert set(found["decided"]) == {"view"}, "the span and the counters of an end decide nothing"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.jsonl")))
async def test_recorded_histories_of_real_runs_are_equal(name: str) -> None:
    runs: dict[str, list[tuple[Recorded, str]]] = {}
    now_ms = 0
    for offset, (at_ms, text) in enumerate(read(FOLDER / f"{name}.jsonl").records):
        now_ms, event = max(now_ms, at_ms), event_of(text)
        runs.setdefault(getattr(event, "run_id", ""), []).append((Recorded(offset, now_ms, event), text))
    for run_id, found in runs.items():
        made = await golden_lines(Recording(run_id, [one for one, _ in found]), [text for _, text in found])
        verdict = await verify(read_golden(name, "\n".join(made)))
        assert verdict.equal, verdict.mismatch
