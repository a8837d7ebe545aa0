"""Tools and functions: what workflows may name."""

from typing import Any

from schemas.api_models.base import Answer


class Effect(Answer):
    """What a call may do to the world.

    ``pure``: nothing, so it is called again without harm. ``idempotency_key``: it gets a key that stays the same when
    an attempt is made again. ``reconcile``: it can look up what became of a call, see `on_unknown`.
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
    """All tools of this API's process. ``problems`` say which installed packages could not be loaded, and why."""

    tools: list[ToolEntry]
    problems: list[str]


class FunctionPage(Answer):
    """All functions of this API's process. ``problems`` say which installed packages could not be loaded, and why."""

    functions: list[ToolEntry]
    problems: list[str]
