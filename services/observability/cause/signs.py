"""Signs: what is unusual about a step of a run, each with the kind of cause that it speaks for.

An error of a rule or of a dependency is a sign by itself. All else is one by comparison with healthy runs: an output
that equal inputs never had, a version they did not run, an answer of unusual length, waits, and so on. How much a sign
says is its ``weight``, from 0 to 1. These are judgements, set by hand and tuned on half of the injected faults of
``make prove AREA=observability``; the other half only measures them.
"""

import math
import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from services.observability.cause.norms import NodeNorm, Norms
from services.observability.cause.observed import ObservedRun, ObservedStep

CauseKind = Literal[
    "wrong_output",
    "missing_input",
    "dependency",
    "deploy",
    "quota",
    "budget",
    "cache",
    "slow_provider",
    "guard",
]
#: What a sign can bring about: the end of its own step, wrong data below it, or lost time.
Effect = Literal["stop", "data", "time"]

_HTTP = re.compile(r"http_[345]\d\d")
_CLASSES: dict[str, CauseKind] = {
    **dict.fromkeys(("quota_exceeded", "rate_limited"), "quota"),
    **dict.fromkeys(("budget_exceeded", "run_budget_exceeded", "max_cost", "calls_stopped"), "budget"),
    **dict.fromkeys(("guard_failed", "content_filtered"), "guard"),
    **dict.fromkeys(("timeout", "provider_timeout", "batch_expired"), "slow_provider"),
    **dict.fromkeys(("input_missing", "reference_missing", "missing_variable", "missing_object"), "missing_input"),
    **dict.fromkeys(("unavailable", "unreachable", "provider_unavailable", "provider_error"), "dependency"),
    **dict.fromkeys(("provider_auth", "provider_no_credit", "no_credentials", "bad_certificate"), "dependency"),
    **dict.fromkeys(("too_many_redirects", "process_died", "batch_unavailable", "batch_lost"), "dependency"),
    **dict.fromkeys(("child_failed", "child_canceled", "credentials_unreadable"), "dependency"),
}

#: A length is unusual from so many robust standard deviations of its logarithm on, which are this much at least.
_UNUSUAL = 4.0
_LEAST_LOG_DEVIATION = 0.18
_LEAST_VALUES = 8
#: A time is unusual from so many times the median on, and more than this lost.
_SLOW_FACTOR = 3.0
_LEAST_LOST_MS = 300.0


class Sign(Struct, frozen=True, kw_only=True):
    """One unusual thing. ``value`` says which, so that other runs can be searched for it; ``what`` says it in words."""

    step: str
    node: str
    kind: CauseKind
    effect: Effect
    weight: float
    what: str
    value: str = ""
    lost_ms: float = 0.0
    at_ms: float = 0.0

    @property
    def key(self) -> tuple[str, CauseKind, str]:
        """What it has in common with the same sign of another run."""
        return self.node, self.kind, self.value


def class_of(error: str) -> CauseKind | None:
    """Return the kind of cause that an error names by itself; ``None`` for one that comes of data."""
    return _CLASSES.get(error) or ("dependency" if _HTTP.fullmatch(error) else None)


def signs_of(run: ObservedRun, norms: Norms) -> list[Sign]:
    """Return all signs of a run, in the order of its steps."""
    return [sign for step in run.steps for sign in _of_step(run, step, norms.of(step.node))]


def _of_step(run: ObservedRun, step: ObservedStep, norm: NodeNorm) -> Iterator[Sign]:
    if step.error == "canceled":
        # It was open when the run ended, so all that it shows is the time that it took.
        yield from _late(step, norm)
        return
    kind = class_of(step.error)
    if step.error and kind is not None:
        yield _sign(step, kind, "stop", 1.0, f"it failed with {step.error}", step.error)
    yield from _lacking(run, step, norm)
    yield from _late(step, norm)
    if not step.error:
        yield from _wrong(run, step, norm)


def _lacking(run: ObservedRun, step: ObservedStep, norm: NodeNorm) -> Iterator[Sign]:
    for name in run.lacking.get(step.node, ()):
        usual = norm.lacking[name] / norm.runs if norm.runs else 0.0
        # An input that other runs do without as well is hardly what this one failed for.
        if name.startswith("inputs.") and usual < 0.5:
            yield _sign(step, "missing_input", "data", 0.4 if usual else 0.9, f"{name} is missing", name)


def _late(step: ObservedStep, norm: NodeNorm) -> Iterator[Sign]:
    usual = norm.usual_time
    if usual is not None and usual.count >= _LEAST_VALUES:
        excess = step.took_ms - usual.middle
        if step.took_ms > max(_SLOW_FACTOR * usual.middle, 1.2 * usual.most) and excess > _LEAST_LOST_MS:
            what = f"an attempt took {step.took_ms:.0f} ms, {usual.middle:.0f} are usual"
            yield _sign(step, "slow_provider", "time", 0.8, what, lost_ms=excess)
    usual_wait = norm.usual_wait.most if norm.usual_wait is not None else 0.0
    if step.quota_ms > max(1.5 * usual_wait, _LEAST_LOST_MS):
        how = "for a quota" if step.attempts else "unstarted, given back by workers or not taken"
        what = f"it waited {step.quota_ms:.0f} ms {how}"
        yield _sign(step, "quota", "time", 0.9, what, lost_ms=step.quota_ms)
    if step.attempts > 1 and step.lost_ms > _LEAST_LOST_MS and not step.error:
        what = f"{step.attempts - 1} attempts failed before, in {step.lost_ms:.0f} ms"
        yield _sign(step, "dependency", "time", 0.5, what, lost_ms=step.lost_ms)


def _wrong(run: ObservedRun, step: ObservedStep, norm: NodeNorm) -> Iterator[Sign]:
    """Yield signs of a wrong answer. What decided about the answer says why, so it counts more with one of them."""
    other, length = _other_output(step, norm), _unusual_length(step, norm)
    proof = 1.0 if other else 0.75 if length else 0.0
    shown = other or length
    decided = [*_decisions(step, norm), *_versions(run, step, norm)]
    if other is False:
        # Healthy runs had the same output to the same inputs: however it came about, it is right.
        return
    for kind, value, what in decided:
        # Another version has other outputs by right, so these prove less.
        proven = min(proof, 0.8 if length else 0.6) if kind == "deploy" else proof
        yield _sign(step, kind, "data", max(0.5, proven), f"{what}{_and(shown)}", value)
    if step.cached:
        what = f"an earlier answer stood in ({step.cached}){_and(shown)}"
        yield _sign(step, "cache", "data", 0.95 if proof else 0.5, what, step.output[:16] if proof else "")
    elif shown and not decided:
        yield _sign(step, "wrong_output", "data", 0.9 * proof, str(shown), "")


def _and(shown: str | bool) -> str:
    return f", and {shown}" if shown else ""


def _other_output(step: ObservedStep, norm: NodeNorm) -> str | bool:
    """Return words where equal inputs had another output in healthy runs; false for the same, "" where unknown."""
    known = norm.outputs.get(step.asked)
    if not known or not step.asked:
        return ""
    if step.output in known:
        return False
    several, varied = norm.repeats()
    if several and varied / several > 0.1:
        return ""
    if not several and step.tokens:
        # Models may answer equal questions differently; that this one does not, nobody has seen.
        return ""
    return f"equal inputs had another output in {sum(known.values())} healthy steps"


def _unusual_length(step: ObservedStep, norm: NodeNorm) -> str:
    usual = norm.usual_length
    if not step.tokens or usual is None or usual.count < _LEAST_VALUES:
        return ""
    away = abs(math.log(step.tokens) - usual.middle) / max(usual.deviation, _LEAST_LOG_DEVIATION)
    if away <= 0.75 * _UNUSUAL or (away < _UNUSUAL and min(norm.tokens) <= step.tokens <= max(norm.tokens)):
        return ""
    return f"its answer has {step.tokens} tokens, {math.exp(usual.middle):.0f} are usual"


def _decisions(step: ObservedStep, norm: NodeNorm) -> Iterator[tuple[CauseKind, str, str]]:
    for word in step.policy:
        if norm.policies[word] > 0.5 * norm.steps:
            continue
        kind: CauseKind = "budget" if word.startswith("stepped down") else "guard"
        yield kind, word, word


def _versions(run: ObservedRun, step: ObservedStep, norm: NodeNorm) -> Iterator[tuple[CauseKind, str, str]]:
    """Yield a version that less than half of the healthy runs had; that of the prompt, or else that of the node."""
    if step.prompt and norm.steps and norm.prompts[step.prompt] < 0.5 * norm.steps:
        yield "deploy", step.prompt, f"it ran {step.prompt}"
        return
    own = run.nodes.get(step.node, run.hash)
    if own and norm.runs and norm.hashes[own] < 0.5 * norm.runs:
        yield "deploy", own, f"its definition is another one ({own[:12]})"


def _sign(
    step: ObservedStep, kind: CauseKind, effect: Effect, weight: float, what: str, value: str = "", lost_ms: float = 0.0
) -> Sign:
    return Sign(
        step=step.step,
        node=step.node,
        kind=kind,
        effect=effect,
        weight=weight,
        what=what,
        value=value,
        lost_ms=lost_ms,
        at_ms=step.at_ms,
    )
