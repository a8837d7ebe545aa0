"""What the simulated worker says and what it costs: both follow from the request alone, so anybody can tell."""

import zlib
from typing import Any

import orjson

from schemas.payload import Inline
from schemas.records.steps import AgentTurn, StepRequest

#: Outputs that differ by a multiple of this are the same answer in other words, as a model may give them.
VARIANT = 1_000
_VALUES = 16


def amount(request_id: str) -> int:
    """Return what an attempt costs, in nano-dollars: the same whoever says it."""
    return 1 + zlib.crc32(request_id.encode()) % 1_000


def estimate(request_id: str) -> int:
    """Return what is held for an attempt."""
    return 2 * amount(request_id)


def right(run_id: str, step_id: str, args: dict[str, Any], before: list[Any]) -> int:
    """Return what a step's output is, but for its variant. ``before`` is what an agent was told already."""
    return zlib.crc32(orjson.dumps([run_id, step_id, args, before], option=orjson.OPT_SORT_KEYS)) % _VALUES


def of_request(request: StepRequest) -> int:
    """Return the output of a request, but for its variant."""
    return right(request.run_id, request.step_id, request.args, transcript(request))


def transcript(request: StepRequest) -> list[Any]:
    """Return what an agent said before, with what came of its calls: a failed one by its code."""
    if not isinstance(request.work, AgentTurn):
        return []
    return [
        [
            _value(turn.said),
            [_value(result.output) if result.error is None else result.error.code for result in turn.results],
        ]
        for turn in request.work.before
    ]


def _value(payload: Any) -> Any:
    return payload.value if isinstance(payload, Inline) else None
