"""The functions in workflows of evaluations. Composition roots register them: the API, for its checks, and workers."""

from typing import Any

import msgspec

from connectors.tools.registry import Registry
from schemas.evaluations import Case, ScorerSpec
from schemas.records.base import Json
from services.prompts.evaluations.answers import answered_of
from services.prompts.evaluations.means import score
from services.prompts.evaluations.names import SCORES_FUNCTION


def register(registry: Registry) -> None:
    """Register the functions, once."""
    if SCORES_FUNCTION not in registry.names("function"):
        registry.function(SCORES_FUNCTION)(evaluation_scores)


def evaluation_scores(
    *, cases: list[dict[str, Any]], scorers: list[dict[str, Any]], answers: dict[str, list[list[Json]]]
) -> dict[str, list[dict[str, Any]]]:
    """Score the answers of each version: a list by repetition, of a list by case.

    An answer that could not be had, as a map collects it, is scored as an answer with an error.
    """
    asked, wanted = msgspec.convert(cases, list[Case]), msgspec.convert(scorers, list[ScorerSpec])
    return {side: _scored(asked, wanted, repeats) for side, repeats in answers.items()}


def _scored(cases: list[Case], scorers: list[ScorerSpec], repeats: list[list[Json]]) -> list[dict[str, Any]]:
    found = [
        score(spec, case, answered_of(case, repeat, output))
        for repeat, outputs in enumerate(repeats)
        for case, output in zip(cases, outputs, strict=True)
        for spec in scorers
    ]
    return [msgspec.to_builtins(one) for one in found]
