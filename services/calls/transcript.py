"""The transcript of an agent before one of its turns, read from what was recorded, and the tools that it may call."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connectors.providers.conversation import Asked, ToolSpec, Turn
from connectors.tools.registry import Registry
from schemas.errors import Rejected, StepError, SubjectErased
from schemas.payload import Payload, Reference
from schemas.records.base import Json
from schemas.records.hashes import value_hash
from schemas.records.steps import AgentTurn, ToolResult
from schemas.spec.error_codes import SUBJECT_ERASED
from schemas.spec.references import as_text
from services.calls.ports import Objects

#: More than any model reads at once, and little enough for ten turns at once in a worker's memory.
MAX_STORED = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Transcript:
    """Earlier turns with the results of their calls, and the tools that the model may call."""

    tools: tuple[ToolSpec, ...] = ()
    turns: tuple[Turn, ...] = ()


async def read_transcript(objects: Objects, registry: Registry, org_id: str, work: AgentTurn) -> Transcript:
    """Return a turn's transcript with all that is stored read. Raises ``StepError`` and ``Unavailable``."""
    _check_size(work)
    tools = tuple(_spec(registry, name) for name in work.tools)
    turns = []
    for before in work.before:
        said = await _value(objects, org_id, before.said)
        results = [await _result(objects, org_id, one) for one in before.results]
        asked = tuple(Asked(one["id"], one["name"], one["args"]) for one in said["tool_calls"])
        turns.append(Turn(said["text"], asked, tuple(results), said.get("opaque")))
    return Transcript(tools, tuple(turns))


def transcript_hash(args: Json, before: Transcript) -> str:
    """Return the hash of what a turn begins with. Ids of calls are left out: a provider makes new ones each time."""
    turns = [[turn.text, [[one.name, one.args] for one in turn.asked], turn.results] for turn in before.turns]
    return value_hash([args, turns])


def _check_size(work: AgentTurn) -> None:
    stored = sum(payload.size for payload in _payloads(work) if isinstance(payload, Reference))
    if stored > MAX_STORED:
        raise StepError(
            "too_large",
            f"the transcript before this turn has {stored} bytes in stored outputs, the most is "
            f"{MAX_STORED}; let tools return less, or ask for less",
        )


def _payloads(work: AgentTurn) -> Iterator[Payload]:
    for before in work.before:
        yield before.said
        yield from (result.output for result in before.results if result.output is not None)


def _spec(registry: Registry, name: str) -> ToolSpec:
    entry = registry.get("tool", name)
    described = entry.describe()
    return ToolSpec(name, str(described["summary"]), dict(described["arguments"]))


async def _result(objects: Objects, org_id: str, result: ToolResult) -> str:
    if result.output is not None:
        return as_text(await _value(objects, org_id, result.output))
    error = result.error
    if error is not None and error.sealed is not None:
        words = await _value(objects, org_id, error.sealed)
        return as_text({"error": {"code": error.code, "message": words["message"]}})
    said = {"code": error.code, "message": error.message} if error is not None else {"code": "lost", "message": ""}
    return as_text({"error": said})


async def _value(objects: Objects, org_id: str, payload: Payload) -> Any:
    try:
        return await objects.resolve(org_id, payload)
    except SubjectErased as exc:
        raise StepError(SUBJECT_ERASED, str(exc)) from exc
    except Rejected as exc:
        raise StepError("missing_object", f"the transcript cannot be read: {exc}") from exc
