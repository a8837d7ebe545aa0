"""What judges and functions of users are asked about answers: one list for a scorer, the same whenever it is made.

A node makes the list, another is mapped over it, and what scores makes it again to read the replies.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from schemas.prompts.evaluations import Case, ScorerSpec
from schemas.records.base import Json
from services.prompts.evaluations.answers import error_of
from services.prompts.evaluations.names import BASELINE, CANDIDATE
from services.prompts.evaluations.scorers.base import WrongShape, part_of
from services.prompts.evaluations.scorers.llm_judge import JudgeOptions, grade_question, pair_questions
from services.prompts.evaluations.scorers.table import is_pair_judge, options_of

Answers = Mapping[str, Sequence[Sequence[Json]]]
"""The answers of each version: a list by repetition, of a list by case. One that failed is as a map collects it."""


class About(NamedTuple):
    """Which answer a question is about; of a pair, both. ``place`` counts the questions about it, from 0."""

    side: str
    repeat: int
    case_id: str
    place: int = 0


class Question(NamedTuple):
    """One question: the arguments of the node that is asked."""

    about: About
    args: Mapping[str, Json]


def questions_of(spec: ScorerSpec, cases: Sequence[Case], answers: Answers) -> list[Question]:
    """Return the questions of a scorer. An answer that failed, or lacks the part that is scored, is not asked about."""
    made = _custom if spec.kind == "custom" else _pairs if is_pair_judge(spec) else _grades
    return list(made(spec, cases, answers))


def sides_of(answers: Answers) -> list[str]:
    """Return the versions, the candidate first: JSON objects need not keep an order."""
    return [side for side in (CANDIDATE, BASELINE) if side in answers]


def _custom(spec: ScorerSpec, cases: Sequence[Case], answers: Answers) -> Iterator[Question]:
    for about, case, output in _parts(spec, cases, answers):
        yield Question(about, {"output": output, "expected": case.expected, "inputs": case.inputs})


def _grades(spec: ScorerSpec, cases: Sequence[Case], answers: Answers) -> Iterator[Question]:
    options: JudgeOptions = options_of(spec)
    for about, case, output in _parts(spec, cases, answers):
        yield Question(about, {"question": grade_question(options, case, output)})


def _pairs(spec: ScorerSpec, cases: Sequence[Case], answers: Answers) -> Iterator[Question]:
    options: JudgeOptions = options_of(spec)
    baseline = {about[1:]: output for about, _, output in _parts(spec, cases, {BASELINE: answers[BASELINE]})}
    for about, case, output in _parts(spec, cases, {CANDIDATE: answers[CANDIDATE]}):
        if about[1:] in baseline:
            asked = pair_questions(options, case, output, baseline[about[1:]])
            yield Question(about, {"question": asked.forward})
            yield Question(about._replace(place=1), {"question": asked.swapped})


def _parts(spec: ScorerSpec, cases: Sequence[Case], answers: Answers) -> Iterator[tuple[About, Case, Json]]:
    path = str(spec.options.get("path", ""))
    for side in sides_of(answers):
        for repeat, outputs in enumerate(answers[side]):
            for case, output in zip(cases, outputs, strict=True):
                if error_of(output):
                    continue
                try:
                    yield About(side, repeat, case.id), case, part_of(output, path)
                except WrongShape:
                    continue
