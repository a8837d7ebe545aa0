"""Tools and functions that workflows may name."""

from typing import Any

from schemas.api_models.base import Answer
from schemas.records.security.pinned import SinkKind


class Effect(Answer):
    """The effect of a call outside AgentFlow.

    ``pure``: none, so it may be repeated. ``idempotency_key``: it gets a key that is the same for each repetition of an
    attempt. ``reconcile``: it can look up the outcome of a call, see `on_unknown`.
    """

    pure: bool
    idempotency_key: bool
    reconcile: bool


class DeclaredSecurity(Answer):
    """The declarations of a tool, which policies read.

    ``source`` is the label of what it gives, ``fields`` that of parts of it, by path; ``readers`` the paths of fields
    that list who may read a part. ``effects``: it changes something outside. ``sinks``: what an effect does with an
    argument. ``reads_when``: values of arguments with which a call only reads; an empty one stands for an argument
    that is not given. ``pure``: its result depends on its arguments alone. ``endorses``: its result is trusted whatever
    it was given. A tool of which nothing is ``declared`` may have effects, and each of its arguments is a sink.
    """

    declared: bool
    source: list[str]
    fields: dict[str, list[str]]
    readers: dict[str, str]
    effects: bool
    sinks: dict[str, SinkKind]
    reads_when: dict[str, list[str]]
    pure: bool
    endorses: bool


class ToolEntry(Answer):
    """One tool or function. ``arguments`` and ``config`` are JSON schemas; only a class has a ``config``."""

    name: str
    summary: str
    doc: str
    arguments: dict[str, Any]
    config: dict[str, Any] | None
    effect: Effect
    security: DeclaredSecurity


class ToolPage(Answer):
    """All tools of this API process. ``problems`` list installed packages that could not be loaded, and why."""

    tools: list[ToolEntry]
    problems: list[str]


class FunctionPage(Answer):
    """All functions of this API process. ``problems`` list installed packages that could not be loaded, and why."""

    functions: list[ToolEntry]
    problems: list[str]
