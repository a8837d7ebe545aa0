"""The functions in workflows of evaluations. Composition roots register them: the API, for its checks, and workers.

Both are pure: they ask nobody. Judges and functions of users were asked before, by nodes; here their replies are read.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from connectors.embeddings.static import load_embedder
from connectors.tools.registry import Registry
from schemas.prompts.evaluations import Answered, Case, Judged, Scored, ScorerSpec
from schemas.records.base import Json
from services.prompts.evaluations import names
from services.prompts.evaluations.answers import answered_of, error_of
from services.prompts.evaluations.questions import About, Answers, questions_of, sides_of
from services.prompts.evaluations.scorers.base import CannotScore, Ports, Scorer
from services.prompts.evaluations.scorers.table import is_pair_judge, pair_judge_of, scorer_of

Replies = Mapping[About, Json]


def register(registry: Registry) -> None:
    """Register the functions, once."""
    found: dict[str, Callable[..., Any]] = {
        names.SCORES_FUNCTION: evaluation_scores,
        names.QUESTIONS_FUNCTION: evaluation_questions,
    }
    for name in found.keys() - registry.names("function"):
        registry.function(name)(found[name])


def evaluation_questions(
    *, cases: list[dict[str, Any]], scorers: list[dict[str, Any]], number: int, answers: dict[str, list[list[Json]]]
) -> list[Mapping[str, Json]]:
    """Return what the scorer of this number is asked about the answers, as arguments of the node that asks it."""
    spec = msgspec.convert(scorers[number], ScorerSpec)
    return [one.args for one in questions_of(spec, msgspec.convert(cases, list[Case]), answers)]


def evaluation_scores(
    *,
    cases: list[dict[str, Any]],
    scorers: list[dict[str, Any]],
    answers: dict[str, list[list[Json]]],
    replies: dict[str, list[Json]] | None = None,
) -> dict[str, Any]:
    """Return the scores of each version, ``scores``, and what judges of pairs said, ``judged``.

    ``replies`` are those to the questions of scorers, by number. Latency and cost are scored where the report is made.
    """
    asked, wanted = msgspec.convert(cases, list[Case]), msgspec.convert(scorers, list[ScorerSpec])
    given = {
        int(number): _replies(wanted[int(number)], asked, answers, found) for number, found in (replies or {}).items()
    }
    return asyncio.run(_all(asked, wanted, answers, given))


def _replies(spec: ScorerSpec, cases: Sequence[Case], answers: Answers, found: Sequence[Json]) -> Replies:
    questions = questions_of(spec, cases, answers)
    return {one.about: reply for one, reply in zip(questions, found, strict=True)}


async def _all(
    cases: Sequence[Case], scorers: Sequence[ScorerSpec], answers: Answers, replies: Mapping[int, Replies]
) -> dict[str, Any]:
    scores: dict[str, list[Scored]] = {side: [] for side in sides_of(answers)}
    judged: list[Judged] = []
    for number, spec in enumerate(scorers):
        if spec.kind in names.MEASURED:
            continue
        if is_pair_judge(spec):
            judged += [one async for one in _judged(spec, cases, answers, replies[number])]
            continue
        scorer = None if spec.kind in names.ASKED else scorer_of(spec, _ports(spec))
        for about, case, answered in _each(cases, answers):
            one = scorer or _reading(spec, about, replies[number])
            mark = await one(case, answered)
            scored = Scored(case_id=case.id, repeat=about.repeat, scorer=spec.called, score=mark.score, note=mark.note)
            scores[about.side].append(scored)
    return {"scores": msgspec.to_builtins(scores), "judged": msgspec.to_builtins(judged)}


def _each(cases: Sequence[Case], answers: Answers) -> Iterator[tuple[About, Case, Answered]]:
    for side in sides_of(answers):
        for repeat, outputs in enumerate(answers[side]):
            for case, output in zip(cases, outputs, strict=True):
                yield About(side, repeat, case.id), case, answered_of(case, repeat, output)


def _ports(spec: ScorerSpec) -> Ports:
    return Ports(embedder=load_embedder()) if spec.kind == "similarity" else Ports()


def _reading(spec: ScorerSpec, about: About, replies: Replies) -> Scorer:
    """Return a scorer whose question was answered before."""

    async def replied(*_: object) -> Json:
        return _read(replies, about)

    return scorer_of(spec, Ports(call=replied, ask=replied))


async def _judged(spec: ScorerSpec, cases: Sequence[Case], answers: Answers, replies: Replies) -> AsyncIterator[Judged]:
    baseline = {about[1:]: answered for about, _, answered in _each(cases, {names.BASELINE: answers[names.BASELINE]})}
    for about, case, answered in _each(cases, {names.CANDIDATE: answers[names.CANDIDATE]}):
        places = iter((about, about._replace(place=1)))

        async def replied(*_: object, places: Iterator[About] = places) -> Json:
            return _read(replies, next(places))

        other = baseline[about[1:]]
        if error := answered.error or other.error:
            yield Judged(case_id=case.id, repeat=about.repeat, scorer=spec.called, note=f"no output: {error}")
            continue
        yield await pair_judge_of(spec, Ports(ask=replied))(case, answered, other)


def _read(replies: Replies, about: About) -> Json:
    """Return a reply. Raises ``CannotScore`` for one that failed."""
    reply = replies[about]
    if error := error_of(reply):
        raise CannotScore(error)
    return reply
