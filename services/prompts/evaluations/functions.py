"""The functions in workflows of evaluations. Composition roots register them: the API, for its checks, and workers.

All are pure. Lists of answers are by repetition, and inside of that by case.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from connectors.tools.registry import Registry
from schemas.evaluations import Case, Judged, Scored, ScorerSpec
from schemas.records.base import Json
from services.prompts.evaluations import names
from services.prompts.evaluations.answers import answered_of, error_of
from services.prompts.evaluations.judge import position_of
from services.prompts.evaluations.means import score

Answers = dict[str, list[list[Json]]]
_FORWARD, _SWAPPED = "forward", "swapped"


def register(registry: Registry) -> None:
    """Register the functions, once."""
    found: dict[str, Callable[..., Any]] = {
        names.SCORES_FUNCTION: evaluation_scores,
        names.PAIRS_FUNCTION: evaluation_pairs,
        names.ROWS_FUNCTION: evaluation_rows,
    }
    for name in found.keys() - registry.names("function"):
        registry.function(name)(found[name])


def evaluation_pairs(*, cases: list[dict[str, Any]], answers: Answers) -> list[dict[str, Json]]:
    """Return the pairs of answers that judges see, each in both orders. One with an answer that failed is left out."""
    pairs: list[dict[str, Json]] = []
    for case, repeat, (candidate, baseline) in _side_by_side(cases, answers, (names.CANDIDATE, names.BASELINE)):
        if error_of(candidate) or error_of(baseline):
            continue
        about = {"case_id": case["id"], "repeat": repeat, "request": case["inputs"], "expected": case.get("expected")}
        pairs.append({**about, "order": _FORWARD, "first": candidate, "second": baseline})
        pairs.append({**about, "order": _SWAPPED, "first": baseline, "second": candidate})
    return pairs


def evaluation_rows(*, cases: list[dict[str, Any]], answers: Answers) -> list[dict[str, Json]]:
    """Return the answers that scorers of users see, without those that failed."""
    return [
        {
            "side": side,
            "case_id": case["id"],
            "repeat": repeat,
            "inputs": case["inputs"],
            "expected": case.get("expected"),
            "output": output,
        }
        for side in answers
        for case, repeat, (output,) in _side_by_side(cases, answers, (side,))
        if not error_of(output)
    ]


def evaluation_scores(
    *,
    cases: list[dict[str, Any]],
    scorers: list[dict[str, Any]],
    answers: Answers,
    pairs: list[dict[str, Any]] | None = None,
    judged: list[list[Json]] | None = None,
    rows: list[dict[str, Any]] | None = None,
    given: list[list[Json]] | None = None,
) -> dict[str, Any]:
    """Return the scores of each version, ``scores``, and what judges said, ``judged``.

    ``judged`` are the replies of each judge to ``pairs``, ``given`` what each scorer of users gave to ``rows``. An
    answer that could not be had, as a map collects it, is scored as an answer with an error.
    """
    asked, wanted = msgspec.convert(cases, list[Case]), msgspec.convert(scorers, list[ScorerSpec])
    pure = [spec for spec in wanted if spec.kind not in names.ELSEWHERE]
    scores = {side: list(_scored(asked, pure, repeats)) for side, repeats in answers.items()}
    custom = [spec for spec in wanted if spec.kind == "custom"]
    for spec, values in zip(custom, given or [], strict=True):
        for row, value in zip(rows or [], values, strict=True):
            scores[row["side"]].append(_given(spec, row, value))
    judges = [spec for spec in wanted if spec.kind == "llm_judge"]
    replied = zip(judges, judged or [], strict=True)
    said = [one for spec, replies in replied for one in _judged(spec, pairs or [], replies)]
    return {"scores": msgspec.to_builtins(scores), "judged": msgspec.to_builtins(said)}


def _side_by_side(
    cases: Sequence[Mapping[str, Any]], answers: Answers, sides: Sequence[str]
) -> Iterator[tuple[Mapping[str, Any], int, tuple[Json, ...]]]:
    """Yield each case and repetition with the answers of some sides."""
    for repeat, lists in enumerate(zip(*(answers[side] for side in sides), strict=True)):
        for case, *outputs in zip(cases, *lists, strict=True):
            yield case, repeat, tuple(outputs)


def _scored(cases: Sequence[Case], scorers: Sequence[ScorerSpec], repeats: list[list[Json]]) -> Iterator[Scored]:
    for repeat, outputs in enumerate(repeats):
        for case, output in zip(cases, outputs, strict=True):
            answered = answered_of(case, repeat, output)
            yield from (score(spec, case, answered) for spec in scorers)


def _given(spec: ScorerSpec, row: Mapping[str, Any], value: Json) -> Scored:
    """Return what a user's scorer gave: a number or a boolean, or an object with ``score`` and ``note``."""
    found, note = (value.get("score"), str(value.get("note", ""))) if isinstance(value, dict) else (value, "")
    if error := error_of(value):
        found, note = None, error
    elif not isinstance(found, bool | int | float) or not 0 <= found <= 1:
        found, note = None, f"{spec.called} gave {str(value)[:200]}, and a score is from 0 to 1"
    of = {"case_id": row["case_id"], "repeat": row["repeat"], "scorer": spec.called}
    return Scored(**of, score=None if found is None else float(found), note=note)


def _judged(spec: ScorerSpec, pairs: Sequence[Mapping[str, Any]], replies: Sequence[Json]) -> Iterator[Judged]:
    """Join the two orders of each pair, which follow each other."""
    both = list(zip(pairs, replies, strict=True))
    for (pair, forward), (_, swapped) in zip(both[::2], both[1::2], strict=True):
        notes = (error_of(reply) or f"no verdict in {str(reply)[:200]}" for reply in (forward, swapped))
        found = position_of(forward), position_of(swapped)
        note = next((note for note, one in zip(notes, found, strict=True) if one is None), "")
        yield Judged(
            case_id=pair["case_id"],
            repeat=pair["repeat"],
            scorer=spec.called,
            forward=found[0],
            swapped=found[1],
            note=note,
        )
