"""Which live answers are scored, and which scorers can score them. Pure: the same call is always decided alike."""

import hashlib
from collections.abc import Sequence

from schemas.errors import InvalidInput, Problem
from schemas.prompts.evaluations import ScorerSpec
from services.prompts.evaluations.scorers.table import check_scorers, is_pair_judge

#: A live answer has no expected value, and code of users runs in workers.
LIVE_KINDS = ("contains", "cost", "json_schema", "latency", "llm_judge", "regex")
JUDGE = "llm_judge"
#: Those that look at what an answer says.
OF_CONTENTS = frozenset({"contains", "json_schema", JUDGE, "regex"})
_WHOLE = 2**64


def is_sampled(prompt: str, call: str, sample: float) -> bool:
    """Return whether a call is in the share of a prompt's calls that is scored. A larger share has all of a smaller."""
    digest = hashlib.sha256(f"live-score:{prompt}:{call}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < sample * _WHOLE


def check_live_scorers(specs: Sequence[ScorerSpec]) -> None:
    """Raise ``InvalidInput`` for scorers that cannot score a live answer, and as ``check_scorers`` does."""
    problems = [_problem(place, spec) for place, spec in enumerate(specs) if spec.kind not in LIVE_KINDS]
    problems += [
        Problem(f"scorers[{place}].options.values", "is missing, and a live answer has no expected value", "name texts")
        for place, spec in enumerate(specs)
        if spec.kind == "contains" and not spec.options.get("values")
    ]
    judges = [place for place, spec in enumerate(specs) if spec.kind == JUDGE]
    problems += [
        Problem(f"scorers[{place}].kind", "is a second judge, and a policy has one", "put both rubrics into one")
        for place in judges[1:]
    ]
    problems += [
        Problem(f"scorers[{place}].options.mode", "is pair, and a live answer is alone", "leave mode out")
        for place in judges
        if is_pair_judge(specs[place])
    ]
    if problems:
        raise InvalidInput.of(*problems)
    check_scorers(specs)


def _problem(place: int, spec: ScorerSpec) -> Problem:
    return Problem(
        f"scorers[{place}].kind",
        f"{spec.kind} cannot score a live answer, which has no expected value",
        f"use one of {', '.join(LIVE_KINDS)}; or an evaluation",
    )


def judge_of(specs: Sequence[ScorerSpec]) -> ScorerSpec | None:
    """Return the judge among scorers, ``None`` without one."""
    return next((spec for spec in specs if spec.kind == JUDGE), None)
