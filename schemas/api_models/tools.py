"""Tools and functions that workflows may name."""

from typing import Any

from schemas.api_models.base import Answer


class Effect(Answer):
    """The effect of a call outside AgentFlow.

    ``pure``: none, so it may be repeated. ``idempotency_key``: it gets a key that is the same for each repetition of an
    attempt. ``reconcile``: it can look up the outcome of a call, see `on_unknown`.
    """

    pure: bool
    idempotency_key: bool
    reconcile: bool


class ToolEntry(Answer):
    """One tool or function. ``arguments`` and ``config`` are JSON schemas; only a class has a ``config``."""

    name: str
    summary: str
    doc: str
    arguments: dict[str, Any]
    config: dict[str, Any] | None
    effect: Effect


class ToolPage(Answer):
    """All tools of this API process. ``problems`` list installed packages that could not be loaded, and why."""

    tools: list[ToolEntry]
    problems: list[str]


class FunctionPage(Answer):
    """All functions of this API process. ``problems`` list installed packages that could not be loaded, and why."""

    functions: list[ToolEntry]
    problems: list[str]
