"""Suggestions of the optimizer, and changes that applied them."""

from typing import Any

from schemas.api_models.base import Answer


class SuggestionSaving(Answer):
    """The saving over the calls of the evidence, with the bounds of its 95% interval."""

    amount_usd: str
    low_usd: str
    high_usd: str


class SuggestionEvidence(Answer):
    """The calls that a suggestion rests on, and what was counted in them."""

    calls: int
    runs: int
    since: str | None
    until: str | None
    facts: dict[str, Any]


class SuggestionAnswer(Answer):
    """One suggestion, as if it were the only one.

    `change` are fields of the node's config with their new values, under `policy` those of its policy; without one, no
    field does it. `freed_usd` is what
    each call would hold less of its budgets.
    """

    id: str
    kind: str
    workflow: str
    node_id: str
    provider: str
    model: str
    title: str
    change: dict[str, Any] | None
    saving: SuggestionSaving
    cost_usd: str
    freed_usd: str
    risk: str
    because: str
    evidence: SuggestionEvidence


class SuggestionPage(Answer):
    """Suggestions, the largest saving first."""

    suggestions: list[SuggestionAnswer]


class AppliedSuggestion(Answer):
    """A suggestion that was applied: `to_version` is the workflow's version with the change.

    `undone_version` is the version that undid it.
    """

    suggestion_id: str
    kind: str
    workflow: str
    node_id: str
    change: dict[str, Any]
    from_version: int
    to_version: int
    undone_version: int | None
    applied_at: str | None
    undone_at: str | None


class AppliedPage(Answer):
    """Applied suggestions, the newest first."""

    changes: list[AppliedSuggestion]
