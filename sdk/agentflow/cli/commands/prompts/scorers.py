"""Scorers as people write them: ``exact``, ``contains:Paris``, ``numeric:0.01``, or JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.nearest import hint
from agentflow.cli.units import json_object, json_value

#: The option that the text after the colon is, by kind; no text is wanted where it is empty.
_TEXTS: Mapping[str, str] = {
    "exact": "",
    "contains": "values",
    "regex": "pattern",
    "json_schema": "schema",
    "numeric": "absolute",
    "similarity": "least",
    "bleu": "least",
    "chrf": "least",
    "rouge_l": "least",
    "latency": "limit_ms",
    "cost": "limit_usd",
    "llm_judge": "rubric",
    "custom": "function",
}
_NUMBERS = frozenset({"absolute", "least", "limit_ms"})


def scorers_of(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the scorers of an option that is given several times; ``@file`` may have a list. Raises ``CliError``."""
    found: list[dict[str, Any]] = []
    for text in texts:
        read = json_value(text, "--scorer") if text.startswith("@") else None
        found += read if isinstance(read, list) else [scorer_of(text)]
    return found


def scorer_of(text: str) -> dict[str, Any]:
    """Return a scorer as the API takes it. Raises ``CliError``."""
    if text.startswith(("{", "@")):
        return json_object(text, "--scorer")
    kind, colon, value = text.partition(":")
    if kind not in _TEXTS:
        raise CliError(f"there is no scorer {kind!r}", hint(kind, list(_TEXTS), f"one of {', '.join(_TEXTS)}"), USAGE)
    option = _TEXTS[kind]
    if not colon:
        return {"kind": kind}
    if not option:
        raise CliError(f"--scorer {kind} takes no text", f"write --scorer {kind}, or JSON with its options", USAGE)
    return {"kind": kind, "options": {option: _value(kind, option, value)}}


def _value(kind: str, option: str, text: str) -> Any:
    if option == "schema":
        return json_object(text, "--scorer json_schema")
    if option == "values":
        return [text]
    if option not in _NUMBERS:
        return text
    try:
        return float(text)
    except ValueError as exc:
        raise CliError(f"--scorer {kind}:{text} has no number", f"write --scorer {kind}:0.5", USAGE) from exc
