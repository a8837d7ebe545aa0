"""The submission of a schedule's slot."""

from decimal import Decimal

from connectors.postgres.schedules import StoredSchedule
from schemas.api_models.base import MAX_TAGS
from schemas.api_models.runs import SubmitRun
from schemas.ids import run_id
from schemas.money import cents
from schemas.schedule import slot_id

#: Placeholder in a schedule's inputs, replaced by the slot's time in RFC 3339.
PLACEHOLDER = "{{slot}}"
TAG = "schedule"


def source_of(schedule_id: str) -> str:
    """Return the source of a schedule's submissions; the slot is their id, so a slot is one run."""
    return f"schedule:{schedule_id}"


def run_of(schedule: StoredSchedule, slot_ms: int) -> str:
    """Return the id of a slot's run."""
    return run_id(schedule.org_id, source_of(schedule.id), slot_id(slot_ms))


def submission_of(schedule: StoredSchedule, slot_ms: int) -> SubmitRun:
    """Return the submission of a slot. The schedule's name is a tag, if there is room for one more."""
    slot = slot_id(slot_ms)
    inputs = {k: v.replace(PLACEHOLDER, slot) if isinstance(v, str) else v for k, v in schedule.inputs.items()}
    named = {TAG: schedule.name} if len(schedule.tags) < MAX_TAGS else {}
    return SubmitRun(
        workflow_name=schedule.workflow_name,
        workflow_version=schedule.workflow_version,
        inputs=inputs,
        tags=named | schedule.tags,
        budget_cents=Decimal(cents(schedule.budget_nano)) if schedule.budget_nano is not None else None,
    )
