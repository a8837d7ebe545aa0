"""What a streamed answer consists of: typed deltas, of which the last is the whole answer."""

from dataclasses import dataclass

from connectors.providers.base import ModelResponse
from schemas.records.base import Usage


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what the model thinks, where the service shows it."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """A tool call begins; ``index`` numbers the calls of an answer from 0."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallArguments:
    """More of a tool call's arguments: a piece of JSON text."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class UsageDelta:
    """What was counted so far; the last one is the answer's.

    Counts that were not given yet are at their bounds, as in ``ModelResponse``.
    """

    usage: Usage


@dataclass(frozen=True, slots=True)
class End:
    """The answer, the same as of a plain call. Nothing follows it."""

    response: ModelResponse


Piece = TextDelta | ReasoningDelta | ToolCallStarted | ToolCallArguments
"""What a model says."""
Delta = Piece | UsageDelta | End
