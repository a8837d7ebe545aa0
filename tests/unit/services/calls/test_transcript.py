"""What an agent's turn is told of the turns before it."""

from pathlib import Path

from connectors.objects.store import LocalObjects
from connectors.providers.base import ModelResponse
from connectors.providers.conversation import Asked, Turn
from connectors.tools.registry import Registry
from schemas.payload import inline
from schemas.records.base import Usage
from schemas.records.steps import AgentTurn, LlmCall, ToolResult, TurnBefore
from services.calls.answer import output_of
from services.calls.transcript import read_transcript

CALL = LlmCall(prompt_name="ask", prompt_version=1, prompt_hash="0" * 64, template="Say x")
OPAQUE = {"provider": "anthropic", "thinking": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]}


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
