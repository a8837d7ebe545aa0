"""Records of scores of live answers for tests."""

from typing import Any

from schemas.records.quality import AnswerScored

AT_MS = 1_800_000_000_000


def answer_scored(number: int, score: float, **fields: Any) -> AnswerScored:
    """Return the score of one answer of a prompt."""
    common: dict[str, Any] = {
        "org_id": "acme",
        "prompt": "summary",
        "version": 1,
        "workflow_name": "flow",
        "model": "local-silver",
        "scorer": "length",
        "call": f"run-{number}:ask:1",
        "run_id": f"run-{number}",
        "step_id": "ask",
        "scored_at_ms": AT_MS + number,
    }
    return AnswerScored(**common | {"score": score} | fields)
