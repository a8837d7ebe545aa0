"""The table of scorers: each kind, its options, and how one is made. Unknown kinds and wrong options are refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from schemas.errors import InvalidInput, Problem
from schemas.prompts.evaluations import MAX_SCORERS, Answered, Case, ScorerSpec
from services.prompts.evaluations.scorers.base import (
    CallFunction,
    CannotScore,
    Mark,
    Options,
    Ports,
    Scorer,
    WrongShape,
    mark_of,
    part_of,
)
from services.prompts.evaluations.scorers.llm_judge import Grader, JudgeOptions, PairJudge, checked
from services.prompts.evaluations.scorers.similarity import Alike, AlikeOptions, Similarity, bleu, chrf, rouge_l
from services.prompts.evaluations.scorers.spending import Cost, CostOptions, Latency, LatencyOptions
from services.prompts.evaluations.scorers.structured import JsonSchema, Numeric, NumericOptions, SchemaOptions
from services.prompts.evaluations.scorers.texts import (
    Contains,
    ContainsOptions,
    Exact,
    ExactOptions,
    Regex,
    RegexOptions,
)

Port = Literal["embedder", "call", "ask"]
_MOST_NOTE = 500
NO_PORTS = Ports()
_HOW = {
    "embedder": "configure an embedding model, or use rouge_l",
    "call": "run it where tools are registered",
    "ask": "run it where models can be called",
}


class CustomOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``function`` is the registered name."""

    function: str


class Custom:
    """What a pure function of ``output``, ``expected`` and ``inputs`` returns: a bool, 0 to 1, or ``{score, note}``."""

    def __init__(self, options: CustomOptions, call: CallFunction) -> None:
        self._options, self._call = options, call

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        arguments = {
            "output": part_of(answer.output, self._options.path),
            "expected": case.expected,
            "inputs": case.inputs,
        }
        return mark_of(await self._call(self._options.function, arguments))


@dataclass(frozen=True)
class Kind:
    """One kind: the type of its options, and ``make(options)`` or, with a ``port``, ``make(options, port)``."""

    options: type[Options]
    make: Callable[..., Scorer]
    port: Port | None = None


KINDS: dict[str, Kind] = {
    "exact": Kind(ExactOptions, Exact),
    "contains": Kind(ContainsOptions, Contains),
    "regex": Kind(RegexOptions, Regex),
    "json_schema": Kind(SchemaOptions, JsonSchema),
    "numeric": Kind(NumericOptions, Numeric),
    "similarity": Kind(AlikeOptions, Similarity, "embedder"),
    "bleu": Kind(AlikeOptions, lambda options: Alike(options, bleu)),
    "chrf": Kind(AlikeOptions, lambda options: Alike(options, chrf)),
    "rouge_l": Kind(AlikeOptions, lambda options: Alike(options, rouge_l)),
    "latency": Kind(LatencyOptions, Latency),
    "cost": Kind(CostOptions, Cost),
    "llm_judge": Kind(JudgeOptions, Grader, "ask"),
    "custom": Kind(CustomOptions, Custom, "call"),
}


def options_of(spec: ScorerSpec, path: str = "scorer") -> Any:
    """Return the options of a scorer, of its kind's type. Raises ``InvalidInput``."""
    kind = KINDS.get(spec.kind)
    if kind is None:
        raise _refused(f"{path}.kind", f"{spec.kind!r} is no kind of scorer", f"use one of {', '.join(sorted(KINDS))}")
    try:
        return msgspec.convert(spec.options, kind.options)
    except msgspec.ValidationError as exc:
        fix = f"{spec.kind} takes {', '.join(sorted(kind.options.__struct_fields__))}"
        raise _refused(f"{path}.options", str(exc), fix) from exc


def scorer_of(spec: ScorerSpec, ports: Ports = NO_PORTS, path: str = "scorer") -> Scorer:
    """Return the scorer of a specification. Raises ``InvalidInput`` for an unknown kind, wrong options, no port."""
    options, kind = options_of(spec, path), KINDS[spec.kind]
    try:
        if kind.port is None:
            return Guarded(kind.make(options))
        port = getattr(ports, kind.port)
        if port is None:
            raise _refused(f"{path}.kind", f"{spec.kind} cannot run here", _HOW[kind.port])
        return Guarded(kind.make(options, port))
    except ValueError as exc:
        raise _unsuitable(path, exc) from exc


def pair_judge_of(spec: ScorerSpec, ports: Ports, path: str = "scorer") -> PairJudge:
    """Return the judge of pairs of a specification. Raises ``InvalidInput``."""
    options = options_of(spec, path)
    if not is_pair_judge(spec):
        raise _refused(f"{path}.kind", "this is no judge of pairs", "use llm_judge with mode: pair")
    if ports.ask is None:
        raise _refused(f"{path}.kind", "llm_judge cannot run here", _HOW["ask"])
    try:
        return PairJudge(spec.called, options, ports.ask)
    except ValueError as exc:
        raise _unsuitable(path, exc) from exc


def is_pair_judge(spec: ScorerSpec) -> bool:
    """Return whether a scorer compares the answers of two versions. All others score each answer by itself."""
    return spec.kind == "llm_judge" and spec.options.get("mode") == "pair"


def check_scorers(specs: Sequence[ScorerSpec], path: str = "scorers") -> None:
    """Raise ``InvalidInput`` with every problem of an evaluation's scorers."""
    problems: list[Problem] = []
    if not any(spec.weight > 0 for spec in specs):
        problems.append(Problem(path, "no scorer has a weight", "give one a weight over 0"))
    if len(specs) > MAX_SCORERS:
        problems.append(Problem(path, f"there are {len(specs)} scorers", f"use {MAX_SCORERS} at most"))
    names = [spec.called for spec in specs]
    for place, spec in enumerate(specs):
        where = f"{path}[{place}]"
        if spec.called in names[:place]:
            problems.append(Problem(f"{where}.name", f"{spec.called!r} is used twice", "give it another name"))
        problems.extend(_problems_of(spec, where))
    if problems:
        raise InvalidInput.of(*problems)


class Guarded:
    """A scorer of which every failure is a mark without a score."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        if answer.error:
            return Mark(score=None, note=f"no output: {answer.error}"[:_MOST_NOTE])
        try:
            mark = await self._scorer(case, answer)
            mark_of(mark.score)
        except WrongShape as exc:
            return Mark(score=0.0, note=str(exc)[:_MOST_NOTE])
        except CannotScore as exc:
            return Mark(score=None, note=str(exc)[:_MOST_NOTE])
        except Exception as exc:  # noqa: BLE001 - functions of users, models and libraries may raise anything
            return Mark(score=None, note=f"{type(exc).__name__}: {exc}"[:_MOST_NOTE])
        return mark


async def _never(*_: object) -> Any:
    """Stand in for a port while options are checked."""
    raise CannotScore("this scorer is checked only")


def _problems_of(spec: ScorerSpec, path: str) -> Sequence[Problem]:
    try:
        options = options_of(spec, path)
        if spec.kind == "llm_judge":
            checked(options, options.mode)
        elif KINDS[spec.kind].port is None:
            KINDS[spec.kind].make(options)
        else:
            KINDS[spec.kind].make(options, _never)
    except InvalidInput as exc:
        return exc.problems
    except ValueError as exc:
        return _unsuitable(path, exc).problems
    return ()


def _unsuitable(path: str, exc: ValueError) -> InvalidInput:
    message, _, fix = str(exc).partition("; ")
    return _refused(f"{path}.options", message, fix)


def _refused(path: str, message: str, fix: str) -> InvalidInput:
    problem = Problem(path, message, fix)
    return InvalidInput.of(problem)
