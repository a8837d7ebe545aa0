"""What a person is asked before a tool is called, and how the worker gives the attempt back with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from schemas.policies.rulings import Ruling
from schemas.records.base import Json, Record
from schemas.records.hashes import value_hash
from schemas.records.run_events import Capture
from schemas.records.security.pinned import Decision, Question
from schemas.records.steps import StepRequest
from services.calls.timeouts import PATIENCE_S, Deferred

#: What a person is shown of one argument, and of all together, in characters.
VALUE_MOST = 200
SUMMARY_MOST = 800


class Asked(Deferred):
    """Nothing was done, and a person must say whether it may be. ``decided`` is for the log, with the question."""

    def __init__(
        self, question: Question, decided: Sequence[Record], decisions: Sequence[Decision] = (), seconds: float = 0.0
    ) -> None:
        super().__init__(PATIENCE_S, f"approval {question.id} {question.summary}")
        self.question = question
        self.decided = decided
        self.decisions = decisions
        self.decided_s = seconds


def question_of(
    ruling: Ruling,
    tool: str,
    args: Mapping[str, Json],
    args_hash: str,
    capture: Capture,
    within_s: int | None = None,
) -> Question:
    """Return what is to be asked. What may not be recorded of the arguments is not shown, either.

    No answer within ``within_s`` seconds is a no.
    """
    asking = [one for one in ruling.decisions if one.enforced and one.verdict == "ask"]
    return Question(
        rules=list(dict.fromkeys(one.rule for one in asking)),
        tool=tool,
        args_hash=args_hash,
        summary=_summary(tool, args, capture),
        timeout_ms=None if within_s is None else within_s * 1000,
        reasons=list(dict.fromkeys(one.reason for one in asking if one.reason)),
    )


def args_hash_of(args: Mapping[str, Json]) -> str:
    """Return what names the arguments of a call."""
    return value_hash(dict(args))


def asked_hash(request: StepRequest, args: Mapping[str, Json]) -> str:
    """Return what names the arguments of a request's call.

    In a run with a data subject that is a hash of the sealed bytes: a hash of the values could be found by trying some.
    """
    if request.subject:
        return value_hash(msgspec.to_builtins([request.args, request.links]))
    return args_hash_of(args)


def _summary(tool: str, args: Mapping[str, Json], capture: Capture) -> str:
    shown = ", ".join(f"{name}={_shown(value)}" if capture == "full" else name for name, value in args.items())
    text = f"{tool}({shown})"
    return text if len(text) <= SUMMARY_MOST else f"{text[: SUMMARY_MOST - 1]}…"


def _shown(value: Any) -> str:
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= VALUE_MOST else f"{text[: VALUE_MOST - 1]}…"
