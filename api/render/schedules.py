"""Stored schedules as the API shows them."""

from typing import Any

from api.render.runs import RUNS
from connectors.postgres.schedules import StoredBackfill, StoredSchedule
from schemas.api_models.base import timestamp
from schemas.api_models.schedules import BackfillAnswer, LastRun, ScheduleAnswer, ScheduleProblem, WholeSchedule
from schemas.money import cents
from schemas.schedule import Timing, next_slot, slot_id

#: Number of next slots that are shown.
SHOWN = 5


def schedule(stored: StoredSchedule) -> ScheduleAnswer:
    """Return a schedule."""
    return ScheduleAnswer(**_fields(stored))


def whole_schedule(stored: StoredSchedule, backfills: list[StoredBackfill]) -> WholeSchedule:
    """Return a schedule with its backfills."""
    return WholeSchedule(**_fields(stored), backfills=[backfill(one) for one in backfills])


def backfill(stored: StoredBackfill) -> BackfillAnswer:
    """Return a backfill."""
    return BackfillAnswer(
        id=stored.id,
        begin=timestamp(stored.from_ms),
        to=timestamp(stored.until_ms),
        submitted=stored.submitted,
        problem=stored.problem,
        created_at=timestamp(stored.created_ms),
        finished_at=timestamp(stored.finished_ms),
    )


def _fields(stored: StoredSchedule) -> dict[str, Any]:
    return {
        "id": stored.id,
        "name": stored.name,
        "project": stored.project,
        "workflow_name": stored.workflow_name,
        "workflow_version": stored.workflow_version,
        "inputs": {} if stored.subject else stored.inputs,
        "subject": stored.subject or None,
        "tags": stored.tags,
        "budget_cents": cents(stored.budget_nano) if stored.budget_nano is not None else None,
        "cron": stored.cron,
        "interval_s": stored.interval_s,
        "time_zone": stored.time_zone,
        "overlap": stored.overlap,
        "catchup": stored.catchup,
        "catchup_limit": stored.catchup_limit,
        "paused": stored.paused,
        "last_run": _last_run(stored),
        "queued_slot": slot_id(stored.queued_slot_ms) if stored.queued_slot_ms is not None else None,
        "next_runs": next_slots(stored.timing, None if stored.paused else stored.next_slot_ms),
        "skipped": stored.skipped,
        "problem": _problem(stored),
        "created_at": timestamp(stored.created_ms),
        "updated_at": timestamp(stored.updated_ms),
    }


def next_slots(timing: Timing, first_ms: int | None) -> list[str]:
    """Return the next slots, from the first one on."""
    found: list[int] = []
    slot = first_ms
    while slot is not None and len(found) < SHOWN:
        found.append(slot)
        slot = next_slot(timing, slot)
    return [slot_id(one) for one in found]


def _last_run(stored: StoredSchedule) -> LastRun | None:
    if stored.last_run_id is None or stored.last_slot_ms is None:
        return None
    return LastRun(slot=slot_id(stored.last_slot_ms), run_id=stored.last_run_id, link=f"{RUNS}/{stored.last_run_id}")


def _problem(stored: StoredSchedule) -> ScheduleProblem | None:
    if stored.problem is None or stored.problem_slot_ms is None:
        return None
    return ScheduleProblem(slot=slot_id(stored.problem_slot_ms), message=stored.problem)
