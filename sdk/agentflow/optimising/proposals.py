"""Variants of a prompt: instructions that a model rewrites, and examples chosen from cases.

A prompt is the body of ``POST /api/v1/prompts``. One text of it is varied: the template, or of messages the first that
gives instructions.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agentflow.optimising.cases import Case

#: What the model that rewrites must answer.
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"template": {"type": "string", "minLength": 1}, "why": {"type": "string"}},
    "required": ["template"],
}
_SHOWN = 8
_SHOWN_CHARS = 2_000
#: Text with these would be read as a template.
_SPECIAL = ("{{", "}}", "{%", "{#")

_TASK = """You improve prompts. Below are the text of a prompt, and cases with the answers that a model gave to it.
Write a better text: one with which the model gives what is expected in cases that you do not see, too.
Find the rule that the expected answers follow, and state it. Do not copy the cases.
Keep each placeholder in double braces exactly as it is.
Answer with JSON: {"template": "the whole text", "why": "in one sentence"}.
"""


class Answered(NamedTuple):
    """What a version made of a case: its answer, and the score of that, ``None`` without one."""

    case: Case
    output: Any
    score: float | None


def text_of(body: Mapping[str, Any]) -> str:
    """Return the text of a prompt that is varied."""
    messages = body.get("messages") or []
    return str(messages[_place(messages)]["template"] if messages else body["template"])


def with_text(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return the prompt with another text."""
    messages = [dict(one) for one in body.get("messages") or []]
    if not messages:
        return {**body, "template": text}
    messages[_place(messages)]["template"] = text
    return {**body, "messages": messages}


def question(text: str, answered: Sequence[Answered], number: int, count: int) -> str:
    """Return what the model that rewrites is asked; the worst answers are shown first."""
    worst = sorted(answered, key=lambda one: (-1.0 if one.score is None else one.score, one.case.id))
    # Each proposal sees other cases first, so that they differ.
    turned = worst[number % max(1, len(worst)) :] + worst[: number % max(1, len(worst))]
    shown = "\n".join(_shown(one) for one in turned[:_SHOWN])
    other = f"\nThis is proposal {number + 1} of {count}: make it differ from what others would write.\n"
    return f"{_TASK}{other if count > 1 else ''}\nThe text of the prompt:\n<prompt>\n{text}\n</prompt>\n\n{shown}\n"


def rewritten(answer: Any) -> str | None:
    """Return the text that a model proposes; ``None`` if its answer has none."""
    text = answer.get("template") if isinstance(answer, Mapping) else None
    return text.strip() if isinstance(text, str) and text.strip() else None


def with_examples(text: str, cases: Sequence[Case]) -> str | None:
    """Return a text with cases as examples before it; ``None`` if none can be shown in a template."""
    shown = [f"Input: {_json(one.inputs)}\nAnswer: {_plain(one.expected)}" for one in cases if one.expected is not None]
    fit = [one for one in shown if not any(mark in one for mark in _SPECIAL)]
    return "Examples:\n\n" + "\n\n".join(fit) + f"\n\n{text}" if fit else None


def examples(answered: Sequence[Answered], count: int, number: int) -> list[Case]:
    """Return cases to show as examples: the first choice are those that are answered worst, each choice is another."""
    ranked = sorted(answered, key=lambda one: (-1.0 if one.score is None else one.score, one.case.id))
    return [one.case for one in ranked[number * count : (number + 1) * count]]


def _place(messages: Sequence[Mapping[str, Any]]) -> int:
    roles = [one["role"] for one in messages]
    return next((roles.index(role) for role in ("system", "developer", "user") if role in roles), 0)


def _shown(one: Answered) -> str:
    score = "no score" if one.score is None else f"score {one.score:.2f}"
    lines = (
        f"<case {score}>",
        f"input: {_json(one.case.inputs)}",
        f"expected: {_json(one.case.expected)}",
        f"answered: {_json(one.output)}",
        "</case>",
    )
    return "\n".join(line[:_SHOWN_CHARS] for line in lines)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)
