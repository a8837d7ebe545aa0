"""How far an evaluation is, and its report once its run has succeeded.

The run gives the scores. What an answer cost, and how long it took, is in the rows of its steps; so the report is made
when it is first read, and stored: every later reader gets the same one, until labels are added.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.kafka.deadline_appender import Appender
from connectors.objects.store import Objects
from connectors.postgres.datasets import Datasets
from connectors.postgres.evaluations import AnsweredStep, Evaluations, StoredEvaluation
from connectors.postgres.history.run_counts import Children
from connectors.postgres.history.runs import RunLine, Runs
from schemas.errors import InvalidInput
from schemas.payload import Payload
from schemas.prompts.evaluations import Answered, Answers, Case, Judged, Report, Scored, ScorerSpec
from schemas.run_states import RunState
from services.prompts.evaluations.answers import answered_of
from services.prompts.evaluations.cases import chosen_of
from services.prompts.evaluations.labels import Label, check_labels, joined, labelled
from services.prompts.evaluations.names import BASELINE, CANDIDATE, MEASURED, SCORES
from services.prompts.evaluations.report import report_of
from services.prompts.evaluations.scorers.table import scorer_of
from services.prompts.evaluations.teaching import lessons
from services.prompts.evaluations.workflow import nodes_of, repeats_of

#: Reports that are made for one reader: labels that come meanwhile make another one necessary.
_TRIES = 3


class RunOutput(msgspec.Struct, frozen=True):
    """What the run of an evaluation gives: the scores of each version, and the verdicts of judges on pairs."""

    scores: dict[str, list[Scored]]
    judged: list[Judged] = []


@dataclass(frozen=True, slots=True)
class Status:
    """How far an evaluation is: answers that are there, those of them that failed, and how many there will be."""

    state: RunState
    done: int
    failed: int
    total: int
    cost_nano: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPorts:
    """The stores that results are read from, and where routes learn from them."""

    evaluations: Evaluations
    datasets: Datasets
    history: Runs
    objects: Objects
    appender: Appender


class EvaluationResults:
    """Reads evaluations. Every method raises ``Unavailable``."""

    def __init__(self, ports: ResultPorts) -> None:
        self._ports = ports

    async def status(self, org_id: str, one: StoredEvaluation) -> Status:
        """Return how far an evaluation is. One whose run is not in history yet is queued."""
        run = await self._ports.history.status(org_id, one.run_id)
        if run is None:
            return Status("queued", 0, 0, total_of(one.definition))
        return _status(run, await self._ports.history.children(org_id, one.run_id), one.definition)

    async def states(self, org_id: str, those: Sequence[StoredEvaluation]) -> list[RunState]:
        """Return the states of the runs of evaluations, as ``status`` does."""
        found = await self._ports.history.states(org_id, [one.run_id for one in those])
        return [found.get(one.run_id, "queued") for one in those]

    async def with_report(self, org_id: str, one: StoredEvaluation, status: Status) -> StoredEvaluation:
        """Return the evaluation with its report, which is made and stored once the run has succeeded."""
        for _ in range(_TRIES):
            found = await self._made(org_id, one) if one.report is None and status.state == "succeeded" else None
            if found is None:
                break
            # It is not stored if labels came meanwhile: then the next one has them.
            await self._ports.evaluations.end(org_id, one, found)
            one = await self._ports.evaluations.get(org_id, one.id)
        return one

    async def label(self, org_id: str, one: StoredEvaluation, labels: Sequence[Label]) -> int:
        """Add judgements of people; return how many labels there are. The report is made again when it is read.

        Raises ``InvalidInput`` for labels of what the evaluation does not have.
        """
        check_labels(labels, one.definition, {case.id for case in await self.cases(org_id, one)})

        def with_new(stored: list[dict[str, Any]]) -> list[dict[str, Any]]:
            known: list[dict[str, Any]] = msgspec.to_builtins(joined(msgspec.convert(stored, list[Label]), labels))
            return known

        return await self._ports.evaluations.label(org_id, one.id, with_new)

    async def cases(self, org_id: str, one: StoredEvaluation) -> list[Case]:
        """Return the cases of an evaluation."""
        name, _, version = one.definition["dataset"].partition("@")
        cases = [case for _, case in await self._ports.datasets.cases(org_id, name, int(version))]
        return chosen_of(cases, one.definition.get("only", ()))

    async def _made(self, org_id: str, one: StoredEvaluation) -> dict[str, Any] | None:
        stored = await self._ports.history.get(org_id, one.run_id, most_children=0)
        if stored is None or stored[0].output is None:
            return None
        run, steps = stored
        payload = (run.output or {}).get(SCORES) or next(
            (step.output for step in steps if step.step_id == SCORES and step.output is not None), None
        )
        if payload is None:
            return None
        output = msgspec.convert(await self._value(org_id, payload), RunOutput)
        cases = await self.cases(org_id, one)
        rows = {side: await self._rows(org_id, one, side) for side in output.scores}
        answered = {side: await self._answers(org_id, one, cases, found) for side, found in rows.items()}
        versions = await asyncio.to_thread(versions_of, one.definition, cases, answered, output)
        labels = msgspec.convert(one.labels or [], list[Label])
        report = await asyncio.to_thread(made_report, one.definition, cases, versions, output.judged, labels)
        if one.definition.get("teach_routes"):
            taught = lessons(org_id, one, cases, versions[CANDIDATE], rows[CANDIDATE])
            # Before the report is stored: a crash in between repeats it, and each attempt is counted once.
            await self._ports.appender.append(taught)
        found: dict[str, Any] = msgspec.to_builtins(report)
        return found

    async def _rows(self, org_id: str, one: StoredEvaluation, side: str) -> list[AnsweredStep]:
        return await self._ports.evaluations.answers(org_id, one.run_id, nodes_of(side, one.definition["repeats"]))

    async def _answers(
        self, org_id: str, one: StoredEvaluation, cases: Sequence[Case], rows: Sequence[AnsweredStep]
    ) -> list[Answered]:
        repeats = repeats_of(one.definition)
        return [await self._answer(org_id, row, cases[row.child_index], repeats[row.node_id]) for row in rows]

    async def _answer(self, org_id: str, row: AnsweredStep, case: Case, repeat: int) -> Answered:
        output = None if row.output is None else await self._value(org_id, row.output)
        found = answered_of(case, repeat, output, cost_nano=row.cost_nano, latency_ms=row.latency_ms)
        if row.error is None or row.status == "succeeded":
            return found
        return msgspec.structs.replace(found, output=None, error=f"{row.error['code']}: {row.error['message']}")

    async def _value(self, org_id: str, payload: Mapping[str, Any]) -> Any:
        return await self._ports.objects.resolve(org_id, msgspec.convert(payload, Payload))


def total_of(definition: Mapping[str, Any]) -> int:
    """Return how many answers an evaluation has."""
    sides = 1 if definition["against"] is None else 2
    return int(definition["cases"] * definition["repeats"] * sides)


def _status(run: RunLine, children: Mapping[str, Children], definition: Mapping[str, Any]) -> Status:
    nodes = {node for side in (CANDIDATE, BASELINE) for node in nodes_of(side, definition["repeats"])}
    counts = {node: found for node, found in children.items() if node in nodes}
    succeeded = sum(found["succeeded"].steps for found in counts.values() if "succeeded" in found)
    failed = sum(found["failed"].steps for found in counts.values() if "failed" in found)
    cost = max(run.cost_nano, sum(count.cost_nano for found in counts.values() for count in found.values()))
    error = None if run.error is None else f"{run.error['code']}: {run.error['message']}"
    return Status(run.status, succeeded + failed, failed, total_of(definition), cost, error)


def versions_of(
    definition: Mapping[str, Any], cases: Sequence[Case], answered: Mapping[str, Sequence[Answered]], output: RunOutput
) -> dict[str, Answers]:
    """Return the answers of each version with all their scores."""
    specs = msgspec.convert(definition["scorers"], list[ScorerSpec])
    measured = asyncio.run(_measured(specs, cases, answered))
    names = {CANDIDATE: str(definition["version"]), BASELINE: str(definition["against"])}
    return {
        side: Answers(version=names[side], answers=list(found), scores=[*output.scores[side], *measured[side]])
        for side, found in answered.items()
    }


def made_report(
    definition: Mapping[str, Any],
    cases: Sequence[Case],
    versions: Mapping[str, Answers],
    judged: Sequence[Judged],
    labels: Sequence[Label] = (),
) -> Report:
    """Return the report. Versions without a case that both have a score for are shown, and not compared."""
    specs = msgspec.convert(definition["scorers"], list[ScorerSpec])
    about = (definition["prompt"], definition["dataset"], cases, list(versions.values()), specs)
    known = labelled(labels, specs, versions, judged)
    if BASELINE not in versions:
        return report_of(*about, labels=known)
    candidate, baseline = versions[CANDIDATE].version, versions[BASELINE].version
    try:
        return report_of(*about, candidate=candidate, baseline=baseline, judged=judged, labels=known)
    except InvalidInput:
        return report_of(*about, labels=known)


async def _measured(
    specs: Sequence[ScorerSpec], cases: Sequence[Case], answered: Mapping[str, Sequence[Answered]]
) -> dict[str, list[Scored]]:
    """Return the scores of latency and cost."""
    by_id, found = {case.id: case for case in cases}, {side: list[Scored]() for side in answered}
    for spec in specs:
        if spec.kind not in MEASURED:
            continue
        scorer = scorer_of(spec)
        for side, answers in answered.items():
            for one in answers:
                mark = await scorer(by_id[one.case_id], one)
                found[side].append(
                    Scored(
                        case_id=one.case_id,
                        repeat=one.repeat,
                        scorer=spec.called,
                        score=mark.score,
                        note=mark.note,
                    )
                )
    return found
