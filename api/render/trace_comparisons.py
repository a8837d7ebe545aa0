"""Comparisons of runs and their causes as the API shows them: money as exact decimal text, times in seconds."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from schemas.api_models.traces.comparisons import (
    CauseAnswer,
    CauseCandidate,
    CausesAnswer,
    ComparedRun,
    CostBeside,
    CostDifference,
    DiffAnswer,
    DiffEvidence,
    DivergenceAnswer,
    GroupDiff,
    MeasureDifference,
    NodeCostParts,
    RunDiff,
    SharedCauseAnswer,
    SharedThingAnswer,
    SpectrumAnswer,
    StepDeltaAnswer,
    StepSpent,
    UsageDifference,
)
from schemas.money import usd
from services.observability.cause.cost import CostCause, Factor
from services.observability.cause.explain import Candidate
from services.observability.cause.shared import Shared, SharedThing
from services.observability.cause.spectrum import Spectrum
from services.observability.causes import RunExplained
from services.observability.comparisons import GroupComparison, Outputs, RunsCompared
from services.observability.diff.deltas import Spent, StepDelta
from services.observability.diff.divergence import Divergence
from services.observability.recordings import Recording

_NS = 1_000_000_000


def runs(found: RunsCompared) -> DiffAnswer:
    """Return two runs compared."""
    compared = found.compared
    verdicts: dict[str, Any] = dict.fromkeys(compared.consequences, "consequence")
    verdicts |= {cause.step: "cause" for cause in compared.causes}
    top = found.steps[0] if found.steps else None
    whole = (top.a, top.b) if top is not None else (None, None)
    return DiffAnswer(
        runs=RunDiff(
            a=_side(found.a, whole[0]),
            b=_side(found.b, whole[1]),
            equal=compared.equal,
            first=None if compared.first is None else _divergence(compared.first),
            causes=[_divergence(cause) for cause in compared.causes],
            consequences=list(compared.consequences),
            steps=[_step(step, verdicts, found.outputs) for step in found.steps],
        ),
        groups=None,
        cost=_cost(found.cost),
    )


def groups(found: GroupComparison) -> DiffAnswer:
    """Return two groups of runs compared."""
    compared = found.compared
    return DiffAnswer(
        runs=None,
        groups=GroupDiff(
            runs_a=compared.runs_a,
            runs_b=compared.runs_b,
            differences=[MeasureDifference(**structs.asdict(one)) for one in compared.differences],
            usages=[UsageDifference(**structs.asdict(one)) for one in compared.usages],
        ),
        cost=_cost(found.cost),
    )


def cause(found: RunExplained) -> CauseAnswer:
    """Return why a run failed."""
    said = found.explanation
    return CauseAnswer(
        run_id=found.line.id,
        workflow=found.line.workflow_name,
        status=found.line.status,
        verdict=said.verdict,
        error=said.error or None,
        symptom=said.symptom or None,
        cause=None if said.cause is None else _candidate(said.cause),
        way=list(said.way),
        candidates=[_candidate(one) for one in said.candidates],
        reason=said.reason or None,
        compared_with=said.compared_with,
        cost=None
        if found.cost is None
        else CostBeside(usual_run=found.cost.usual_run, **_cost(found.cost.cause).model_dump()),
    )


def causes(found: Shared) -> CausesAnswer:
    """Return what failed runs share."""
    return CausesAnswer(
        failed=found.failed,
        healthy=found.healthy,
        symptoms=_things(found.symptoms),
        causes=[SharedCauseAnswer(node=one.node, kind=one.kind, runs=list(one.runs)) for one in found.causes],
        things=_things(found.things),
        explained=found.explained,
        unexplained=found.unexplained,
    )


def _side(one: Recording, spent: Spent | None) -> ComparedRun:
    line, used = one.line, spent or Spent()
    return ComparedRun(
        id=one.run.run_id,
        workflow=line.workflow_name if line is not None else None,
        workflow_version=line.workflow_version if line is not None else None,
        status=line.status if line is not None else None,
        duration=used.duration_ms / 1000,
        cost_usd=usd(used.cost_nano),
        tokens=used.input_tokens + used.output_tokens,
    )


def _divergence(one: Divergence) -> DivergenceAnswer:
    evidence = [DiffEvidence(kind=e.kind, what=e.what, a=e.a, b=e.b) for e in one.evidence]
    return DivergenceAnswer(
        step=one.step, kind=one.kind, effect=one.effect, after_s=max(0, one.at_ns) / _NS, evidence=evidence
    )


def _step(one: StepDelta, verdicts: Mapping[str, Any], outputs: Mapping[str, Outputs]) -> StepDeltaAnswer:
    given = outputs.get(one.step)
    return StepDeltaAnswer(
        step=one.step,
        type=one.type,
        depth=one.depth,
        verdict=verdicts.get(one.step),
        a=_spent(one.a),
        b=_spent(one.b),
        output_a=given.a if given is not None else None,
        output_b=given.b if given is not None else None,
    )


def _spent(one: Spent | None) -> StepSpent | None:
    if one is None:
        return None
    return StepSpent(
        cost_usd=usd(one.cost_nano),
        tokens=one.input_tokens + one.output_tokens,
        input_tokens=one.input_tokens,
        output_tokens=one.output_tokens,
        calls=one.calls,
        attempts=one.attempts,
        errors=one.errors,
        duration=one.duration_ms / 1000,
        waited=one.wait_ms / 1000,
    )


def _cost(found: CostCause) -> CostDifference:
    nodes = [NodeCostParts(node=one.node, **_parts(one.a_nano, one.b_nano, one.parts)) for one in found.nodes]
    return CostDifference(nodes=nodes, **_parts(found.a_nano, found.b_nano, found.parts))


def _parts(a: int, b: int, parts: Mapping[Factor, int]) -> dict[str, Any]:
    said = {"a_usd": usd(a), "b_usd": usd(b), "difference_usd": usd(b - a)}
    return said | {factor: usd(nano) for factor, nano in parts.items()}


def _candidate(one: Candidate) -> CauseCandidate:
    return CauseCandidate(
        step=one.step, kind=one.kind, score=round(one.score, 4), what=one.what, spectrum=_spectrum(one.spectrum)
    )


def _things(found: Sequence[SharedThing]) -> list[SharedThingAnswer]:
    return [SharedThingAnswer(node=one.node, what=one.what, spectrum=_spectrum(one.spectrum)) for one in found]


def _spectrum(one: Spectrum) -> SpectrumAnswer:
    return SpectrumAnswer(
        failed_with=one.failed_with,
        failed=one.failed,
        healthy_with=one.healthy_with,
        healthy=one.healthy,
        ochiai=round(one.ochiai, 4),
        tarantula=round(one.tarantula, 4),
    )
