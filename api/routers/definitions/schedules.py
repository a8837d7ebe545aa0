"""Schedules: definitions of runs at scheduled times. The scheduler role starts the runs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Path, Query, Response

from api.caller import Caller
from api.dependencies import Parts, ScheduleReader, ScheduleWriter
from api.http.strict_json import StrictJsonRoute
from api.render import runs as render_runs
from api.render import schedules as render
from api.routers.errors import errors
from api.routers.filters import refuse_null
from api.services import Services
from connectors.postgres.schedules import StoredSchedule, unknown_schedule
from schemas import money
from schemas.api_models.runs import SubmitRun
from schemas.api_models.schedules import (
    MAX_BACKFILL,
    Backfill,
    BackfillAnswer,
    ChangeSchedule,
    CreateSchedule,
    ScheduleAnswer,
    ScheduleDryRun,
    SchedulePage,
    WholeSchedule,
)
from schemas.clock import now_ms
from schemas.errors import Forbidden, InvalidInput, Problem
from schemas.labels.label import Integrity
from schemas.records.base import Json
from schemas.schedule import Timing, next_slot, slots, timing_problems
from services.privacy.subjects.scheduled import refuse_reserved
from services.runs.from_schedule import filled, tags_of, template_problems
from services.runs.submitting.drafts import Asked

ScheduleId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

router = APIRouter(prefix="/api/v1/schedules", tags=["schedules"], route_class=StrictJsonRoute)

_TIMING = frozenset({"cron", "interval_s", "time_zone"})
_MAY_BE_NULL = frozenset({"workflow_version", "budget_cents", "project"})


@router.post(
    "",
    status_code=201,
    responses={200: {"description": "The same schedule exists, or it was a dry run"}, **errors(404, 409, 413)},
)
async def create_schedule(
    body: CreateSchedule,
    who: ScheduleWriter,
    parts: Parts,
    response: Response,
    dry_run: Annotated[bool, Query(description="Check and answer what would happen; store nothing.")] = False,
) -> ScheduleAnswer | ScheduleDryRun:
    """Create a schedule. Its submission is validated now; its first slot is the next one from now."""
    who.require_named("workflow", body.workflow_name)
    defined = _defined(body.model_dump(exclude={"subject"})) | {"project": who.in_project(body.project)}
    person = _Person(body.subject)
    timing = _timing(defined)
    _check_templates(body.inputs)
    refuse_reserved(body.inputs)
    if dry_run:
        response.status_code = 200
        await parts.schedules.stored.check_name(who.org_id, await _as_row(parts, who.org_id, defined, body.subject))
        return await _dry_run(parts, who.org_id, defined, timing, next_slot(timing, now_ms()), person)
    await _check_submission(parts, who.org_id, defined, person)
    row = await _as_row(parts, who.org_id, defined, body.subject)
    stored, new = await parts.schedules.stored.create(who.org_id, row, next_slot(timing, now_ms()))
    response.status_code = 201 if new else 200
    return render.schedule(stored)


@router.get("", responses=errors())
async def list_schedules(
    who: ScheduleReader,
    parts: Parts,
    project: Annotated[
        str | None, Query(min_length=1, max_length=256, description="Only schedules of this project.")
    ] = None,
) -> SchedulePage:
    """List the organisation's schedules with their last and next runs; a project's key sees those of its project."""
    wanted = who.in_project(project)
    found = await parts.schedules.stored.all(who.org_id)
    own = [one for one in found if wanted in (None, one.project) and who.scopes.allow("workflow", one.workflow_name)]
    return SchedulePage(schedules=[render.schedule(one) for one in own])


@router.get("/{schedule_id}", responses=errors(404))
async def get_schedule(schedule_id: ScheduleId, who: ScheduleReader, parts: Parts) -> WholeSchedule:
    """Return a schedule with its newest backfills."""
    stored = await _own(parts, who, schedule_id)
    return render.whole_schedule(stored, await parts.schedules.backfills.of(stored.id))


@router.patch("/{schedule_id}", responses=errors(404, 409, 413))
async def change_schedule(
    schedule_id: ScheduleId,
    body: ChangeSchedule,
    who: ScheduleWriter,
    parts: Parts,
    dry_run: Annotated[bool, Query(description="Check and answer what would happen; store nothing.")] = False,
) -> ScheduleAnswer | ScheduleDryRun:
    """Change, pause or resume a schedule; `project: null` makes it one of the organisation.

    Slots during a pause are never run, also not later. Runs in flight do not change.
    """
    before = await _own(parts, who, schedule_id)
    changes = _changes(body)
    if not changes and not dry_run:
        return render.schedule(before)
    defined = _as_defined(before) | changes
    person = _Person(None, before.subject)
    if before.subject:
        opened = await parts.schedules.inputs.opened(who.org_id, before.inputs)
        defined["inputs"] = changes.get("inputs", opened)
    who.require_named("workflow", defined["workflow_name"])
    _check_project(who, defined["project"])
    timing = _timing(defined)
    _check_templates(body.inputs or {})
    refuse_reserved(body.inputs or {})
    if _TIMING & changes.keys() or (before.paused and not defined["paused"]):
        changes["next_slot_ms"] = next_slot(timing, now_ms())
    if dry_run:
        await parts.schedules.stored.check_renamed(who.org_id, schedule_id, defined["name"])
        first = changes.get("next_slot_ms", before.next_slot_ms)
        return await _dry_run(parts, who.org_id, defined, timing, first, person)
    await _check_submission(parts, who.org_id, defined, person)
    if before.subject and "inputs" in changes:
        changes["inputs"] = await parts.schedules.inputs.sealed(who.org_id, before.subject, changes["inputs"])
    return render.schedule(await parts.schedules.stored.change(who.org_id, schedule_id, changes))


@router.delete("/{schedule_id}", status_code=204, responses=errors(404))
async def delete_schedule(schedule_id: ScheduleId, who: ScheduleWriter, parts: Parts) -> Response:
    """Delete a schedule. Its runs stay."""
    if who.limited:
        await _own(parts, who, schedule_id)
    await parts.schedules.stored.delete(who.org_id, schedule_id)
    return Response(status_code=204)


@router.post("/{schedule_id}/backfill", status_code=202, responses=errors(404))
async def backfill(schedule_id: ScheduleId, body: Backfill, who: ScheduleWriter, parts: Parts) -> BackfillAnswer:
    """Run the slots of a time in the past that were not run, whatever the overlap policy, also while paused."""
    stored = await _own(parts, who, schedule_id)
    _check_backfill(stored, body.begin, body.to)
    return render.backfill(await parts.schedules.backfills.create(stored, body.begin, body.to))


async def _own(parts: Services, who: Caller, schedule_id: str) -> StoredSchedule:
    """Return a schedule. Raises ``NotFound``, also for one that is outside of the key's project or scopes."""
    stored = await parts.schedules.stored.get(who.org_id, schedule_id)
    of_project = who.project in (None, stored.project)
    if not of_project or not who.scopes.allow("workflow", stored.workflow_name):
        raise unknown_schedule(schedule_id)
    return stored


def _check_project(who: Caller, project: str | None) -> None:
    """Raise ``Forbidden`` when a key of a project would give its schedule away."""
    if who.project is not None and project != who.project:
        raise Forbidden(f"this key is of project {who.project}, and so are its schedules; omit `project`")


def _check_backfill(stored: StoredSchedule, from_ms: int, until_ms: int) -> None:
    if not 0 < from_ms < until_ms <= now_ms():
        raise InvalidInput("invalid time range", (Problem("to", "must be after from, and not in the future", ""),))
    found = len(slots(stored.timing, from_ms - 1, until_ms - 1, MAX_BACKFILL + 1))
    if found > MAX_BACKFILL:
        fix = "choose a shorter range, and the next one when this is done"
        raise InvalidInput(
            f"the range has over {MAX_BACKFILL} slots", (Problem("to", f"more than {MAX_BACKFILL} slots", fix),)
        )
    if not found:
        raise InvalidInput(
            "the range contains no slot", (Problem("from", "contains no slot", "choose a longer range"),)
        )


def _defined(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a body as they are stored."""
    if "budget_cents" in fields:
        cents = fields.pop("budget_cents")
        fields["budget_nano"] = money.from_cents(cents) if cents is not None else None
    return fields


def _changes(body: ChangeSchedule) -> dict[str, Any]:
    refuse_null(body, _MAY_BE_NULL)
    changes = _defined(body.model_dump(exclude_unset=True))
    if "cron" in changes and "interval_s" not in changes:
        changes["interval_s"] = None
    elif "interval_s" in changes and "cron" not in changes:
        changes["cron"] = None
    return changes


def _as_defined(stored: StoredSchedule) -> dict[str, Any]:
    names = (*CreateSchedule.model_fields.keys() - {"budget_cents", "subject"}, "budget_nano")
    return {name: getattr(stored, name) for name in names}


def _timing(defined: dict[str, Any]) -> Timing:
    timing = Timing(defined["cron"], defined["interval_s"], defined["time_zone"])
    problems = tuple(timing_problems(timing))
    if problems:
        raise InvalidInput.of(*problems)
    return timing


class _Person(NamedTuple):
    """Whose data a schedule's runs handle: by the id that a body has, or by the pseudonym that a row has."""

    id: str | None
    pseudonym: str = ""

    @property
    def is_named(self) -> bool:
        """Whether there is one."""
        return self.id is not None or bool(self.pseudonym)


async def _as_row(parts: Services, org_id: str, defined: dict[str, Any], subject_id: str | None) -> dict[str, Any]:
    """Return a definition as its row has it: inputs of a data subject sealed."""
    if subject_id is None:
        return defined
    inputs, stored = parts.schedules.inputs, parts.schedules.stored
    before = await stored.inputs_of(org_id, defined["name"])
    subject = await inputs.pseudonym(org_id, subject_id)
    return defined | {"inputs": await inputs.as_before(org_id, subject, defined["inputs"], before)}


async def _dry_run(
    parts: Services, org_id: str, defined: dict[str, Any], timing: Timing, first: int | None, person: _Person
) -> ScheduleDryRun:
    budget_nano = defined["budget_nano"]
    submission = SubmitRun(
        workflow_name=defined["workflow_name"],
        workflow_version=defined["workflow_version"],
        inputs=defined["inputs"] if first is None else filled(defined["inputs"], first),
        tags=defined["tags"],
        project=defined["project"],
        budget_cents=None if budget_nano is None else Decimal(money.cents(budget_nano)),
        subject=person.id,
    )
    found = await parts.runs.dry_runs.of(_asked(org_id, submission, person, Integrity.USER))
    slots_shown = [] if defined["paused"] else render.next_slots(timing, first)
    return ScheduleDryRun(next_runs=slots_shown, first_run=render_runs.dry_run(found, now_ms()))


def _check_templates(inputs: Mapping[str, Json]) -> None:
    if problems := tuple(template_problems(inputs)):
        raise InvalidInput.of(*problems)


async def _check_submission(parts: Services, org_id: str, defined: dict[str, Any], person: _Person) -> None:
    """Raise now the error that every slot would meet."""
    body = SubmitRun(
        workflow_name=defined["workflow_name"],
        workflow_version=defined["workflow_version"],
        inputs=defined["inputs"],
        # The name is in clear in each run.
        tags=tags_of(defined["name"], defined["tags"]) if person.is_named else defined["tags"],
        project=defined["project"],
        subject=person.id,
    )
    draft = await parts.runs.submissions.draft(_asked(org_id, body, person))
    await parts.runs.submissions.to_store(draft)


def _asked(org_id: str, body: SubmitRun, person: _Person, door: Integrity = Integrity.THIRD_PARTY) -> Asked:
    """Return a slot's submission, to be tried."""
    subject = person.pseudonym
    return Asked(org_id=org_id, source="schedule", submission_id=None, body=body, door=door, subject=subject)
