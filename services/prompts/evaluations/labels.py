"""What people say of answers, set beside what a judge said of the same: by that a judge is calibrated.

A label of a judge of pairs is which answer is better, of a judge of single answers whether one passes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from schemas.errors import InvalidInput, Problem
from schemas.prompts.evaluations import Answers, Data, Judged, Labelled, Outcome, ScorerSpec
from services.prompts.evaluations.figures.calibration import FAIL, PASS, outcome_of
from services.prompts.evaluations.names import CANDIDATE
from services.prompts.evaluations.scorers.llm_judge import JudgeOptions, pass_score
from services.prompts.evaluations.scorers.table import is_pair_judge, options_of

Word = Literal["candidate", "baseline", "tie", "pass", "fail"]
_PASSES = (PASS, FAIL)
_MOST_PROBLEMS = 100


class Label(Data, frozen=True, kw_only=True, omit_defaults=True):
    """One label. ``side`` is whose answer it is about, for a judge of single answers."""

    case_id: str
    repeat: int = 0
    scorer: str
    side: Literal["candidate", "baseline"] = "candidate"
    human: Word

    @property
    def about(self) -> tuple[str, str, int, str]:
        """What it is about; the last label of one thing holds."""
        return self.scorer, self.case_id, self.repeat, self.side


def joined(before: Sequence[Label], new: Sequence[Label]) -> list[Label]:
    """Return labels with newer ones in their places."""
    return list({one.about: one for one in (*before, *new)}.values())


def check_labels(labels: Sequence[Label], definition: Mapping[str, Any], cases: set[str]) -> None:
    """Raise ``InvalidInput`` for labels of what the evaluation does not have, or in the words of another judge."""
    specs = {one.called: one for one in msgspec.convert(definition["scorers"], list[ScorerSpec])}
    problems = [
        Problem(f"body.labels[{n}].{field}", said, fix)
        for n, one in enumerate(labels)
        for field, said, fix in _faults(one, specs, cases, definition)
    ]
    if problems:
        raise InvalidInput.of(*problems[:_MOST_PROBLEMS], shown=3)


def labelled(
    labels: Sequence[Label], specs: Sequence[ScorerSpec], versions: Mapping[str, Answers], judged: Sequence[Judged]
) -> list[Labelled]:
    """Return labels with what the judge said; those of which it said nothing are left out."""
    by_name = {one.called: one for one in specs}
    outcomes = {(one.scorer, one.case_id, one.repeat, CANDIDATE): outcome_of(one) for one in judged}
    scores = {
        (one.scorer, one.case_id, one.repeat, side): one.score
        for side, answers in versions.items()
        for one in answers.scores
    }
    found = []
    for one in labels:
        spec = by_name[one.scorer]
        said = outcomes.get(one.about) if is_pair_judge(spec) else _passed(spec, scores.get(one.about))
        if said is not None:
            found.append(Labelled(scorer=one.scorer, judge=said, human=one.human))
    return found


def _passed(spec: ScorerSpec, score: float | None) -> str | None:
    options: JudgeOptions = options_of(spec)
    return None if score is None else PASS if score >= pass_score(options) else FAIL


def _faults(
    one: Label, specs: Mapping[str, ScorerSpec], cases: set[str], definition: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    spec = specs.get(one.scorer)
    if spec is None or spec.kind != "llm_judge":
        judges = [name for name, found in specs.items() if found.kind == "llm_judge"]
        yield "scorer", f"'{one.scorer}' is no judge of this evaluation", f"name one of {', '.join(judges) or 'none'}"
        return
    words = get_args(Outcome) if is_pair_judge(spec) else _PASSES
    if one.human not in words:
        yield "human", f"'{one.human}' is no word of this judge", f"write one of {', '.join(words)}"
    if one.case_id not in cases:
        yield "case_id", f"there is no case '{one.case_id}'", "name a case of the dataset"
    if not 0 <= one.repeat < definition["repeats"]:
        yield "repeat", f"{one.repeat} is none of {definition['repeats']} repetitions", "count them from 0"
