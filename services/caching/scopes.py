"""What answers are counted and purged by: the workflow, prompt and model of a call, a prompt's version, and tags.

A scope is ``<kind>=<name>``; ``all`` is the organisation. Marks (``#``) select answers for a purge and are not counted.
"""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from msgspec import Struct

Kind = Literal["workflow", "prompt", "model"]
KINDS: tuple[Kind, ...] = ("workflow", "prompt", "model")
ALL = "all"


class Counts(Struct, frozen=True, kw_only=True):
    """The counts of a scope. ``saved_nano`` is the cost of the calls whose answers were used again."""

    hits: int = 0
    misses: int = 0
    entries: int = 0
    bytes: int = 0
    saved_nano: int = 0


class CacheStats(Struct, frozen=True):
    """The counts of an organisation: in all, hits by kind (``exact``, ``shared``, ``stale``, …), and by scope."""

    total: Counts
    hits_by_kind: dict[str, int]
    scopes: dict[tuple[Kind, str], Counts]


def scopes_of(model: str, workflow: str, prompt: str) -> tuple[str, ...]:
    """Return what a call is counted by; ``model`` is ``provider/model``, and the others may be empty."""
    named = (("model", model), ("workflow", workflow), ("prompt", prompt))
    return (ALL, *(f"{kind}={name}" for kind, name in named if name))


def marks_of(prompt: str, version: int, tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return what an answer can be purged by besides its scopes."""
    marks = [_tag(name, value) for name, value in sorted(tags.items())]
    return (*marks, f"#prompt={prompt}@{version}") if prompt else tuple(marks)


def selected(*, workflow: str | None, prompt: str | None, model: str | None, tags: Mapping[str, str]) -> list[str]:
    """Return the scopes and marks that an answer must have; a ``prompt`` may name its version."""
    chosen = [f"workflow={workflow}"] if workflow else []
    if prompt:
        chosen.append(f"#prompt={prompt}" if "@" in prompt else f"prompt={prompt}")
    chosen += [f"model={model}"] if model else []
    return chosen + [_tag(name, value) for name, value in sorted(tags.items())]


def stats_of(found: Mapping[str, int]) -> CacheStats:
    """Return the counts of a store (by ``<scope>|<what>``)."""
    by_scope: dict[str, dict[str, int]] = {}
    for field, value in found.items():
        scope, _, what = field.rpartition("|")
        by_scope.setdefault(scope, {})[what] = value
    kinds = {scope[5:]: counts["hits"] for scope, counts in by_scope.items() if scope.startswith("kind=")}
    scopes: dict[tuple[Kind, str], Counts] = {}
    for kind in KINDS:
        named = sorted(scope for scope in by_scope if scope.startswith(f"{kind}="))
        scopes |= {(kind, scope[len(kind) + 1 :]): Counts(**by_scope[scope]) for scope in named}
    return CacheStats(Counts(**by_scope.get(ALL, {})), kinds, scopes)


def _tag(name: str, value: str) -> str:
    return f"#tag:{quote(name)}={quote(value)}"
