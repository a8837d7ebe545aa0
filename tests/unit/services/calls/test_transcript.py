"""The transcript of an agent's turn, read from what was recorded."""

from pathlib import Path

import pytest

from connectors.objects.store import LocalObjects
from connectors.providers.base import ModelResponse
from connectors.providers.conversation import Asked, Turn
from connectors.tools.registry import Registry
from schemas.errors import Rejected, StepError
from schemas.payload import Inline, Payload, Reference, inline
from schemas.records.base import ErrorInfo, Usage
from schemas.records.steps import AgentTurn, LlmCall, ToolResult, TurnBefore
from services.calls.answers.answer import output_of
from services.calls.transcript import MAX_STORED, read_transcript

CALL = LlmCall(prompt_name="ask", prompt_version=1, prompt_hash="0" * 64, template="Go")
OPAQUE = {"provider": "anthropic", "thinking": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]}


class Stored:
    """Objects by URI."""

    def __init__(self, **values: object) -> None:
        self.values = values

    async def resolve(self, org_id: str, payload: Payload) -> object:
        if isinstance(payload, Inline):
            return payload.value
        if payload.uri not in self.values:
            raise Rejected("object", f"{org_id} has no {payload.uri}")
        return self.values[payload.uri]


def registry() -> Registry:
    made = Registry()

    @made.tool("weather.today")
    async def today(*, city: str, days: int = 1) -> str:
        """Tell the weather."""
        return f"{city} {days}"

    return made


def turn(*results: ToolResult, said: Payload | None = None, tools: tuple[str, ...] = ()) -> AgentTurn:
    asked = [{"id": "so", "name": "weather.today", "args": {"city": "Bern"}}]
    before = TurnBefore(said=said or inline({"text": "let me see", "tool_calls": asked}), results=list(results))
    return AgentTurn(call=CALL, tools=list(tools), before=[before])


async def test_tools_are_described_by_their_registry() -> None:
    transcript = await read_transcript(Stored(), registry(), "acme", turn(tools=("weather.today",)))  # type: ignore[arg-type]
    [spec] = transcript.tools
    assert (spec.name, spec.summary) == ("weather.today", "Tell the weather.")
    assert set(spec.parameters["properties"]) == {"city", "days"}


async def test_earlier_turns_have_what_was_said_asked_and_answered() -> None:
    far = Reference(uri="far", sha256="0" * 64, size=3)
    failed = ErrorInfo(code="not_found", message="no such city")
    results = (ToolResult(output=inline("rain")), ToolResult(output=far), ToolResult(error=failed), ToolResult())
    transcript = await read_transcript(Stored(far={"mm": 3}), registry(), "acme", turn(*results))  # type: ignore[arg-type]
    [before] = transcript.turns
    assert before.text == "let me see"
    assert [(one.id, one.name, one.args) for one in before.asked] == [("so", "weather.today", {"city": "Bern"})]
    assert before.results == (
        "rain",
        '{"mm":3}',
        '{"error":{"code":"not_found","message":"no such city"}}',
        '{"error":{"code":"lost","message":""}}',
    )


async def test_a_stored_part_that_is_gone_fails_the_turn() -> None:
    gone = ToolResult(output=Reference(uri="gone", sha256="0" * 64, size=3))
    with pytest.raises(StepError) as failure:
        await read_transcript(Stored(), registry(), "acme", turn(gone))  # type: ignore[arg-type]
    assert failure.value.code == "missing_object"


@pytest.mark.parametrize(("size", "fits"), [(MAX_STORED, True), (MAX_STORED + 1, False)])
async def test_stored_parts_fit_a_worker_or_fail_the_turn(size: int, fits: bool) -> None:
    half = size // 2
    said = Reference(uri="said", sha256="0" * 64, size=half)
    result = ToolResult(output=Reference(uri="far", sha256="0" * 64, size=size - half))
    objects = Stored(said={"text": "", "tool_calls": []}, far="x")
    if fits:
        await read_transcript(objects, registry(), "acme", turn(result, said=said))  # type: ignore[arg-type]
        return
    with pytest.raises(StepError) as failure:
        await read_transcript(objects, registry(), "acme", turn(result, said=said))  # type: ignore[arg-type]
    assert failure.value.code == "too_large"


async def test_what_a_provider_wants_back_comes_back_with_its_turn(tmp_path: Path) -> None:
    said = ModelResponse("I look.", Usage(), asked=(Asked("c1", "read", {"key": "a"}),), opaque=OPAQUE)
    plain = ModelResponse("Again.", Usage(), asked=(Asked("c2", "read", {}),))
    work = AgentTurn(
        call=CALL,
        tools=[],
        before=[
            TurnBefore(said=inline(output_of(said)), results=[ToolResult(output=inline("whales"))]),
            TurnBefore(said=inline(output_of(plain)), results=[ToolResult(output=inline("none"))]),
        ],
    )
    transcript = await read_transcript(LocalObjects(tmp_path), Registry(), "acme", work)
    assert transcript.turns == (
        Turn("I look.", (Asked("c1", "read", {"key": "a"}),), ("whales",), OPAQUE),
        Turn("Again.", (Asked("c2", "read", {}),), ("none",)),
    )
    first, second = transcript.turns
    assert (first.opaque_of("anthropic"), first.opaque_of("google"), second.opaque_of("anthropic")) == (OPAQUE, {}, {})


def test_a_turn_without_it_is_recorded_as_before() -> None:
    assert output_of(ModelResponse("x", Usage())) == {"text": "x", "tool_calls": []}
