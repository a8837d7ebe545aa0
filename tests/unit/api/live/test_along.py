"""What a reader of answers gets: pieces in order without gaps, values that it may see, and each answer once."""

import json
from typing import Any

from api.live.along import AGAIN_S, Along
from api.live.run_story import Event
from api.render import runs as render
from connectors.postgres.history.runs import StoredStep
from schemas.api_models.runs import StepAnswer
from schemas.records.token_pieces import TokenPieces


class Stored:
    """History with the outputs of steps."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def some(self, org_id: str, run_id: str, step_ids: list[str]) -> list[StoredStep]:
        self.asked.append(list(step_ids))
        return [step(one, output={"kind": "inline", "value": f"of {one}"}) for one in step_ids]


async def shown(steps: Any) -> list[StepAnswer]:
    return [render.step_answer(one, with_output=True) for one in steps]


def along(**changes: Any) -> Along:
    return Along(org_id="acme", run_id="run", steps=Stored(), shown=shown, **changes)  # type: ignore[arg-type]


def step(name: str, status: str = "succeeded", kind: str = "llm", attempt: int = 1, **changes: Any) -> StoredStep:
    fields: dict[str, Any] = dict.fromkeys(StoredStep.__dataclass_fields__)
    given = {"step_id": name, "node_id": name, "kind": kind, "status": status, "attempt": attempt}
    numbers = {
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_nano": 0,
        "child_index": -1,
        "cached": False,
        "sla_missed": False,
    }
    return StoredStep(**(fields | numbers | given | changes))


def pieces(index: int, *texts: str, attempt: int = 1) -> TokenPieces:
    return TokenPieces("a", "a", attempt, index, list(texts))


def texts(events: list[Event]) -> list[tuple[int, int, str]]:
    found = [json.loads(event.data) for event in events if event.name == "token"]
    return [(one["attempt"], one["index"], one["text"]) for one in found]


async def test_pieces_are_numbered_by_attempt_and_those_that_came_are_not_sent_again() -> None:
    reader = along()
    events = await reader.tokens(pieces(0, "one ", "two "))
    events += await reader.tokens(pieces(0, "one ", "two ", "three"))
    events += await reader.tokens(pieces(0, "one "))
    events += await reader.tokens(pieces(0, "other", attempt=2))
    assert texts(events) == [(1, 0, "one two "), (1, 1, "three"), (2, 0, "other")]


async def test_gap_is_filled_before_anything_goes_on() -> None:
    reader = along()
    assert reader.asks_again(10.0)
    assert not reader.asks_again(11.0)
    assert await reader.tokens(pieces(5, "late")) == []
    assert not reader.asks_again(10.0 + AGAIN_S / 2)
    assert reader.asks_again(11.0)
    assert texts(await reader.tokens(pieces(0, *"abcde", "late"))) == [(1, 0, "abcdelate")]


async def test_answers_come_once_and_no_piece_follows_them() -> None:
    reader = along()
    await reader.tokens(pieces(0, "of "))
    found = [step("a"), step("b", "running"), step("c", kind="function")]
    events = [*await reader.outputs(found), *await reader.outputs(found)]
    assert [(event.name, json.loads(event.data)["output"]) for event in events] == [("output", "of a")]
    assert await reader.tokens(pieces(1, "a")) == []


async def test_values_are_put_back_by_words_and_the_last_word_before_the_answer() -> None:
    async def restore(text: str, found: TokenPieces) -> str:
        return text.replace("EML_7", "ada@example.org")

    reader = along(restore=restore)
    events = await reader.tokens(pieces(0, "Write to E", "ML_", "7 now, to EML"))
    events += await reader.tokens(pieces(3, "_7"))
    events += await reader.outputs([step("a")])
    assert [text for _, _, text in texts(events)] == ["Write to ada@example.org now, to ", "ada@example.org"]
    assert [event.name for event in events] == ["token", "token", "output"]
