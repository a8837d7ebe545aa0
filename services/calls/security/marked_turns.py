"""In an agent's transcript, results from outside stand between marks, see ``services.calls.security.marks``."""

from dataclasses import replace

from schemas.labels.label import Label, label_of
from schemas.labels.mapped import Labels
from schemas.records.steps import AgentTurn, StepSecurity, ToolResult
from services.calls.security.marks import is_marked, mark, nonce_of
from services.calls.transcript import Transcript


def marked_transcript(before: Transcript, work: AgentTurn, security: StepSecurity | None) -> Transcript:
    """Return a transcript in which untrusted results are marked. A result without labels is the least trusted.

    An error is marked as what the agent has read is: the words of it are its tool's. Raises ``BadRecord`` for labels
    that cannot be read.
    """
    if security is None or security.mode == "shadow":
        return before
    context = label_of(security.context)
    turns = []
    for turn, recorded in zip(before.turns, work.before, strict=True):
        results = [
            _marked(text, _label(result, context), security.policy_hash)
            for text, result in zip(turn.results, recorded.results, strict=True)
        ]
        turns.append(replace(turn, results=tuple(results)))
    return replace(before, turns=tuple(turns))


def _label(result: ToolResult, context: Label) -> Label:
    return context if result.output is None else Labels.read(result.output.labels).whole


def _marked(text: str, label: Label, secret: str) -> str:
    # A nonce of each result by itself: a transcript begins the same in each turn, as providers' caches want it.
    return mark(text, label, nonce_of(secret, text)) if text and is_marked(label) else text
