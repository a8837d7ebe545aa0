"""Starts evaluations.

    1. pin      the versions, the dataset and its cases; every case must have what the versions need
    2. register the workflow: the version that says the same, else the next one
    3. prepare  the submission of the run: what it refuses leaves no evaluation
    4. store    the evaluation, with the id of its run
    5. submit   the run

A crash after 4 leaves an evaluation without a run; the same request with its ``Idempotency-Key`` submits that.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.postgres.datasets import Datasets
from connectors.postgres.evaluations import Evaluations, StoredEvaluation
from connectors.postgres.prompts import Prompts
from schemas.api_models.prompts.evaluations import CreateEvaluation
from schemas.api_models.runs import SubmitRun
from schemas.clock import now_ms
from schemas.errors import InvalidInput, NotFound, Problem, SubmissionConflict
from schemas.ids import content_hash, run_id
from schemas.labels.label import TRUSTED, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.prompts.evaluations import Case, ScorerSpec
from schemas.records.run_events import RunSubmitted
from services.prompts.evaluations.cases import chosen_of
from services.prompts.evaluations.names import BASELINE, CANDIDATE
from services.prompts.evaluations.needs import variables_for
from services.prompts.evaluations.registering import Registering
from services.prompts.evaluations.scorers.table import check_scorers, is_pair_judge
from services.prompts.evaluations.workflow import Plan, Side, document, workflow_name
from services.runs.submit import Submissions
from services.workflows.nested import pin_prompts

#: Of the submissions of runs; the evaluation's id is theirs.
SOURCE = "evaluations"
#: The tag of a run that is an evaluation's.
TAG = "evaluation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who starts an evaluation, the project that its key is limited to, and what makes a repetition safe."""

    org_id: str
    key_id: str
    project: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPorts:
    """The stores and services that a start asks."""

    prompts: Prompts
    datasets: Datasets
    evaluations: Evaluations
    registering: Registering
    submissions: Submissions


class EvaluationStarts:
    """Starts evaluations as runs."""

    def __init__(self, ports: StartPorts) -> None:
        self._ports = ports

    async def start(self, who: Sender, body: CreateEvaluation) -> StoredEvaluation:
        """Store an evaluation and submit its run. ``body.project`` is the project that it spends for.

        Raises ``NotFound``, ``InvalidInput`` where a case lacks what a version needs, ``TooLarge`` for more cases than
        a run's inputs can be, ``SubmissionConflict`` where the key of ``who`` has another evaluation, ``Overloaded``,
        ``OutcomeUnknown`` and ``Unavailable``.
        """
        specs = msgspec.convert([one.model_dump() for one in body.scorers], list[ScorerSpec])
        check_scorers(specs, "body.scorers")
        if (known := await self._known(who, body)) is not None:
            return await self._again(who, body, known)
        name, _, version = body.dataset.partition("@")
        dataset = await self._ports.datasets.get(who.org_id, name, int(version) if version else None)
        cases = [case for _, case in await self._ports.datasets.cases(who.org_id, name, dataset.version)]
        cases = chosen_of(cases, body.only)
        sides = await self._sides(who, body, cases)
        check_comparison(sides, specs)
        plan = Plan(
            prompt=body.prompt,
            sides=sides,
            repeats=body.repeats,
            quality=body.quality,
            scorers=specs,
            model=body.model_dump(include={"provider", "model", "max_tokens"}, exclude_none=True),
        )
        workflow_version = await self._registered(who, plan)
        definition = {
            **body.model_dump(mode="json", exclude=None if body.only else {"only"}),
            "version": sides[0].version,
            "against": sides[1].version if len(sides) > 1 else None,
            "dataset": f"{name}@{dataset.version}",
            "cases": len(cases),
            "workflow_version": workflow_version,
        }
        made = self._evaluation(who, body, definition)
        run = _submission(body, made.id, workflow_version, cases)
        record = await self._prepared(who, made.id, run, cases)
        stored = await self._stored(who.org_id, made)
        await self._ports.submissions.submit(record)
        return stored

    async def _known(self, who: Sender, body: CreateEvaluation) -> StoredEvaluation | None:
        """Return the evaluation that this request has started before. Raises ``SubmissionConflict`` if it is another.

        What a label or the newest version meant then, and which version of the workflow it became, stays.
        """
        if who.idempotency_key is None:
            return None
        try:
            known = await self._ports.evaluations.get(who.org_id, evaluation_id(who))
        except NotFound:
            return None
        if not says(known.definition, body):
            raise _other(known.id)
        return known

    async def _again(self, who: Sender, body: CreateEvaluation, known: StoredEvaluation) -> StoredEvaluation:
        """Submit the run of an evaluation again: perhaps it never was."""
        name, _, version = known.definition["dataset"].partition("@")
        found = [case for _, case in await self._ports.datasets.cases(who.org_id, name, int(version))]
        cases = chosen_of(found, body.only)
        run = _submission(body, known.id, known.definition["workflow_version"], cases)
        record = await self._prepared(who, known.id, run, cases)
        await self._ports.submissions.submit(record)
        return known

    async def _prepared(self, who: Sender, made_id: str, run: SubmitRun, cases: Sequence[Case]) -> RunSubmitted:
        labels = labels_of(cases)
        return await self._ports.submissions.prepare(
            who.org_id, SOURCE, made_id, run, api_key=who.key_id, labels=labels
        )

    async def _sides(self, who: Sender, body: CreateEvaluation, cases: Sequence[Case]) -> list[Side]:
        wanted = {CANDIDATE: body.version} | ({} if body.against is None else {BASELINE: body.against})
        refs = {side: body.prompt if which is None else f"{body.prompt}@{which}" for side, which in wanted.items()}
        pinned = await pin_prompts(self._ports.prompts, who.org_id, sorted(set(refs.values())), who.project)
        found = pinned.prompts
        for ref in refs.values():
            if ref not in found:
                raise NotFound(f"there is no prompt {ref}; see GET /api/v1/prompts/{body.prompt}")
        return [
            Side(name=side, version=found[ref].version, variables=variables_for(found[ref], cases))
            for side, ref in refs.items()
        ]

    async def _registered(self, who: Sender, plan: Plan) -> int:
        """Return the version of the workflow that says this."""
        name = workflow_name(plan.prompt)
        return await self._ports.registering.version(who.org_id, name, partial(document, plan), who.project)

    def _evaluation(self, who: Sender, body: CreateEvaluation, definition: dict[str, Any]) -> StoredEvaluation:
        made_id = evaluation_id(who)
        return StoredEvaluation(
            id=made_id,
            prompt=body.prompt,
            project=body.project,
            run_id=run_id(who.org_id, SOURCE, made_id),
            definition=definition,
            author=who.key_id,
            created_ms=now_ms(),
        )

    async def _stored(self, org_id: str, made: StoredEvaluation) -> StoredEvaluation:
        """Return the evaluation as it is stored. Raises ``SubmissionConflict`` if its id has another definition."""
        await self._ports.evaluations.create(org_id, made)
        stored = await self._ports.evaluations.get(org_id, made.id)
        if stored.definition != made.definition:
            # The report is made by the stored one: a run of other cases or versions would be scored as these.
            raise _other(made.id)
        return stored


def evaluation_id(who: Sender) -> str:
    """Return the id of a new evaluation; the same for the same idempotency key."""
    key = who.idempotency_key
    unique = uuid.uuid4().hex if key is None else content_hash(f"{who.org_id}\0{key}".encode())
    return f"eval_{unique[:24]}"


def says(definition: Mapping[str, Any], body: CreateEvaluation) -> bool:
    """Return whether a stored evaluation is of this request, whatever the names of versions mean by now."""
    asked = body.model_dump(mode="json", exclude=None if body.only else {"only"})
    named = {"dataset": body.dataset}
    for side in ("version", "against"):
        pinned = isinstance(asked[side], int) or (side == "against" and asked[side] is None)
        named[side] = asked[side] if pinned else definition[side]
    if "@" not in body.dataset:
        named["dataset"] = f"{body.dataset}@{definition['dataset'].partition('@')[2]}"
    wanted = {**asked, **named}
    return all(definition.get(name) == value for name, value in wanted.items()) and ("only" in definition) == bool(
        body.only
    )


def _other(evaluation: str) -> SubmissionConflict:
    return SubmissionConflict(f"this Idempotency-Key has evaluation {evaluation}, which is another; use a new key")


def labels_of(cases: Sequence[Case]) -> Labels | None:
    """Return the labels of cases as those of an evaluation's inputs; ``None`` where no case has any."""
    places: dict[Path, Label] = {}
    for place, case in enumerate(cases):
        if case.labels:
            places |= Labels.read(case.labels).placed(("cases", place))
    return Labels({ROOT: TRUSTED} | places) if places else None


def check_comparison(sides: Sequence[Side], specs: Sequence[ScorerSpec]) -> None:
    """Raise ``InvalidInput`` for a version that is compared with itself, and for a judge of pairs without a second."""
    problem = None
    if len(sides) > 1 and sides[0].version == sides[1].version:
        problem = Problem("body.against", f"is version {sides[0].version} itself", "name another version")
    elif len(sides) == 1 and any(map(is_pair_judge, specs)):
        problem = Problem("body.against", "is missing, and a judge of pairs compares two versions", "name a version")
    if problem is not None:
        raise InvalidInput.of(problem)


def _submission(body: CreateEvaluation, evaluation_id: str, workflow_version: int, cases: Sequence[Case]) -> SubmitRun:
    rows = [msgspec.to_builtins(replace(case, labels={})) for case in cases]
    scorers = [one.model_dump(mode="json", exclude_defaults=True) for one in body.scorers]
    return SubmitRun(
        workflow_name=workflow_name(body.prompt),
        workflow_version=workflow_version,
        inputs={"cases": rows, "scorers": scorers},
        tags={TAG: evaluation_id},
        budget_cents=body.budget_cents,
        project=body.project,
    )
