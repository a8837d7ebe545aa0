"""Replay of recorded runs by the server's own rules, where their records are: on this machine, without a server.

In the checkout they are in ``streams.core.replay``; the build of the wheel copies them, see ``agentflow.engine``. They
need the extra ``testing``.
"""

from schemas.errors import InvalidInput, NotFound, StepError, Undecodable
from schemas.payload import Inline
from schemas.records.run_events import StepSucceeded
from schemas.records.steps import AgentTurn, FunctionCall, LlmCall, StepRequest
from streams.core.replay.debugging import Stopped, stopped_at
from streams.core.replay.effects import NotHere, no_functions
from streams.core.replay.flip import Flip, flipped
from streams.core.replay.golden import golden_lines, read_golden
from streams.core.replay.records import Recorded, event_of
from streams.core.replay.session import decided_by
from streams.core.replay.state import UNKNOWN, RunState, StepState, hash_of, value_of
from streams.core.replay.verify import Mismatch, Recording, Verdict, verify

__all__ = [
    "UNKNOWN",
    "AgentTurn",
    "Flip",
    "FunctionCall",
    "Inline",
    "InvalidInput",
    "LlmCall",
    "Mismatch",
    "NotFound",
    "NotHere",
    "Recorded",
    "Recording",
    "RunState",
    "StepError",
    "StepRequest",
    "StepState",
    "StepSucceeded",
    "Stopped",
    "Undecodable",
    "Verdict",
    "decided_by",
    "event_of",
    "flipped",
    "golden_lines",
    "hash_of",
    "no_functions",
    "read_golden",
    "stopped_at",
    "value_of",
    "verify",
]
