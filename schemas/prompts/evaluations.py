"""Evaluations of prompts: cases, answers, scores and the report that compares versions.

A *case* is one row of a dataset. Each version of a prompt *answers* each case ``repeats`` times; each *scorer* gives an
answer a *score* from 0 to 1. The report is a pure function of the three (``services.prompts.evaluations.report``).

All data are JSON: what has its default is left out, and a reader fills it in.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.records.base import Json, NanoDollars

ScorerKind = Literal[
    "exact",
    "contains",
    "regex",
    "json_schema",
    "numeric",
    "similarity",
    "bleu",
    "chrf",
    "rouge_l",
    "latency",
    "cost",
    "llm_judge",
    "custom",
]
#: Of one evaluation.
MAX_SCORERS = 20
Verdict = Literal["better", "worse", "undecided"]
Outcome = Literal["candidate", "baseline", "tie"]
"""Which of two answers to the same case is better."""
Position = Literal["first", "second", "tie"]
"""Which of two answers a judge prefers, by its place in the question."""

Score = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]


class Data(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of the data of evaluations."""


class Case(Data, frozen=True, kw_only=True, omit_defaults=True):
    """One row of a dataset.

    ``cluster`` names what cases have in common, such as their source document or conversation: cases of a cluster are
    not independent. Empty: the case is a cluster of its own. ``labels`` are those of its values, by path such as
    ``$.inputs.x``: of a case that was made of a run whose data has labels, or that was imported with some.
    """

    id: str
    inputs: dict[str, Json] = {}
    expected: Json = None
    tags: list[str] = []
    cluster: str = ""
    labels: dict[str, list[str]] = {}


class Answered(Data, frozen=True, kw_only=True, omit_defaults=True):
    """One answer of a version to a case. ``repeat`` counts from 0. With an ``error`` there is no output to score."""

    case_id: str
    repeat: Count = 0
    output: Json = None
    cost_nano: NanoDollars = 0
    latency_ms: Count = 0
    error: str = ""


class Scored(Data, frozen=True, kw_only=True, omit_defaults=True):
    """The score of one answer by one scorer. ``None``: the scorer failed, and ``note`` says why; that is never a 0."""

    case_id: str
    repeat: Count = 0
    scorer: str
    score: Score | None = None
    note: str = ""


class ScorerSpec(Data, frozen=True, kw_only=True, omit_defaults=True):
    """A scorer as a dataset or an evaluation names it.

    ``name`` is unique in an evaluation; empty means the kind. ``weight`` is its share in the score of an answer; with 0
    it is shown only. ``options`` depend on the kind, see ``services.prompts.evaluations.scorers``.
    """

    kind: ScorerKind
    name: str = ""
    weight: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    options: dict[str, Json] = {}

    @property
    def called(self) -> str:
        """The name, or the kind of a scorer without one."""
        return self.name or self.kind


class Judged(Data, frozen=True, kw_only=True, omit_defaults=True):
    """What a judge said on the answers of two versions to one case, in both orders.

    ``forward`` is its preference with the candidate's answer first, ``swapped`` with the baseline's first. ``None``:
    its reply could not be read, and ``note`` says why.
    """

    case_id: str
    repeat: Count = 0
    scorer: str
    forward: Position | None = None
    swapped: Position | None = None
    note: str = ""


class Labelled(Data, frozen=True, kw_only=True, omit_defaults=True):
    """A person's label of an answer with the judge's, in the same words: ``pass`` and ``fail``, or an ``Outcome``."""

    scorer: str
    judge: str
    human: str


class Answers(Data, frozen=True, kw_only=True, omit_defaults=True):
    """All answers of one version of a prompt and their scores, in any order."""

    version: str
    answers: list[Answered] = []
    scores: list[Scored] = []


class Interval(Data, frozen=True, kw_only=True):
    """A figure with its 95% interval; without bounds where there are too few clusters for one."""

    mean: float
    low: float | None = None
    high: float | None = None


class Spread(Data, frozen=True, kw_only=True):
    """How cost (nano-dollars) or latency (milliseconds) spreads over answers: median, 95th percentile, sum."""

    p50: int
    p95: int
    total: int


class ScorerResult(Data, frozen=True, kw_only=True):
    """One scorer's part in a version. ``failed``: answers that it gave no score."""

    scorer: str
    weight: float
    mean: float | None
    low: float | None
    high: float | None
    scored: int
    failed: int


class AtK(Data, frozen=True, kw_only=True):
    """Of ``k`` repeats: the chance that any passes (pass@k), and that all do (pass^k)."""

    k: int
    any: float
    all: float


class Flip(Data, frozen=True, kw_only=True):
    """A case whose repeats disagree: how many of them pass."""

    case_id: str
    passed: int
    repeats: int


class VersionResult(Data, frozen=True, kw_only=True):
    """One version: its mean score with an interval, over ``n`` cases in ``clusters``.

    ``errors`` and ``unscored`` count answers without an output and answers without a score; neither is part of the
    mean. ``notes`` are the first reasons.
    """

    version: str
    mean: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    repeats: int
    answers: int
    errors: int
    unscored: int
    pass_rate: Interval | None
    scorers: list[ScorerResult]
    at_k: list[AtK]
    flips: list[Flip]
    cost: Spread
    latency: Spread
    notes: list[str]


class McNemar(Data, frozen=True, kw_only=True):
    """Cases that only one version passes. ``p``: the exact two-sided chance of such a split if both were equal."""

    gained: int
    lost: int
    p: float


class Comparison(Data, frozen=True, kw_only=True):
    """The candidate against the baseline, paired by case.

    ``difference`` is candidate less baseline. ``minimum_effect`` is what this evaluation detects in 80% of its
    repetitions; ``None`` where there is no interval. ``why`` states the reason of ``undecided``.
    """

    baseline: str
    candidate: str
    difference: float
    low: float | None
    high: float | None
    minimum_effect: float | None
    verdict: Verdict
    why: str
    n: int
    clusters: int
    missing: int
    wins: int
    losses: int
    ties: int
    win_rate: Interval
    mcnemar: McNemar


class Regression(Data, frozen=True, kw_only=True):
    """A case that the candidate answers worse. ``scorers`` has the means of each scorer, before and after."""

    case_id: str
    tags: list[str]
    before: float
    after: float
    scorers: dict[str, list[float | None]]


class Corrected(Data, frozen=True, kw_only=True):
    """A pass rate of a judge, corrected by its sensitivity and specificity on human labels, with a 95% interval."""

    version: str
    rate: float
    low: float
    high: float


class JudgeResult(Data, frozen=True, kw_only=True):
    """How far a judge can be believed.

    ``agreement`` is its share of equal labels, ``kappa`` that beyond chance (Cohen). ``position_bias`` is the share of
    decided pairs in which it changed its mind when the answers changed places; ``None`` for a judge of single answers.
    ``warnings`` say what is wrong, with the fix.
    """

    scorer: str
    labels: int
    agreement: float | None
    kappa: float | None
    sensitivity: float | None
    specificity: float | None
    position_bias: float | None
    calibrated: bool
    biased: bool
    corrected: list[Corrected]
    warnings: list[str]


class Report(Data, frozen=True, kw_only=True):
    """An evaluation's result. The same data give the same bytes, in whatever order they came."""

    prompt: str
    dataset: str
    versions: list[VersionResult]
    comparison: Comparison | None
    regressions: list[Regression]
    judges: list[JudgeResult]
