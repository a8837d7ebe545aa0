"""The scheduler: submits the runs of schedules when their slots are due, and of backfills.

Any number of processes may run it. Each leases schedules that nobody else has, decides their slots one by one, and
moves a schedule on only after a slot was decided; ``streams.core.schedules`` has the invariant and the rules.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import Clock, OutRecord
from connectors.postgres.history.runs import Runs
from connectors.postgres.schedules import Backfills, Schedules, StoredSchedule
from connectors.prometheus.families import counter
from connectors.redis.submission_markers import SubmissionMarkers
from schemas.errors import InvalidInput, Problem, Rejected, SubjectErased, SubmissionConflict, Unavailable
from schemas.labels.label import Integrity
from schemas.metrics import SCHEDULER_SLOTS_TOTAL
from schemas.records.run_events import CancelRequested, RunSubmitted
from schemas.run_states import TERMINAL_RUN
from schemas.schedule import slot_id, slots
from services.privacy.subjects.scheduled import ScheduledInputs
from services.runs.from_schedule import run_of, source_of, submission_of
from services.runs.submit import Submissions
from streams.core.schedules import due, overlap
from streams.process.context import RoleContext
from streams.process.role import RoleApp, TickApp
from streams.process.spec import Dependency, RoleSpec
from streams.roles.submission_path import SubmissionPath
from streams.runtime.consumer.poll import Partition
from topics.catalogue import RUN_EVENTS
from topics.codec import encode

log = logging.getLogger(__name__)

#: A schedule is looked at so often; a slot starts that much late at most.
TICK_S = 0.5
#: One that dies with a lease delays its schedules by this. Deciding takes milliseconds.
LEASE_S = 15.0
BATCH = 50
#: Slots of a backfill between two looks at what is due.
BACKFILL_BATCH = 50
#: A run that history does not know so long after its submission will not be known.
UNSEEN_MS = 3_600_000
_PROBLEM_CHARS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerPorts:
    """What a scheduler leases, asks and writes."""

    schedules: Schedules
    backfills: Backfills
    submissions: Submissions
    history: Runs
    markers: SubmissionMarkers
    appender: Appender
    inputs: ScheduledInputs | None = None


class Scheduler:
    """Decides slots. ``tick`` raises ``Unavailable`` when a dependency does not answer; nothing is lost by that."""

    def __init__(self, ports: SchedulerPorts, clock: Clock, registry: CollectorRegistry) -> None:
        self._schedules = ports.schedules
        self._backfills = ports.backfills
        self._submissions = ports.submissions
        self._history = ports.history
        self._markers = ports.markers
        self._appender = ports.appender
        self._inputs = ports.inputs
        self._clock = clock
        self._slots = counter(SCHEDULER_SLOTS_TOTAL, registry)

    def paused(self) -> dict[Partition, str]:
        """Return nothing: no partition is read."""
        return {}

    async def tick(self) -> None:
        """Decide every slot that is due, and a part of a backfill."""
        leased = await self._schedules.lease_due(self._clock.now_ms(), LEASE_S, BATCH)
        for done, schedule in enumerate(leased):
            try:
                await self._serve(schedule)
            except Unavailable:
                await self._give_back(leased[done:])
                raise
        await self._backfill()

    async def _serve(self, schedule: StoredSchedule) -> None:
        stop_at = time.monotonic() + LEASE_S / 2
        current: StoredSchedule | None = schedule
        if schedule.queued_slot_ms is not None and not await self._runs(schedule):
            started = await self._start(schedule, schedule.queued_slot_ms)
            current = await self._schedules.settle(schedule, started | {"queued_slot_ms": None})
        now_ms = self._clock.now_ms()
        if current is not None and current.next_slot_ms is not None and current.next_slot_ms <= now_ms:
            await self._decide(current, current.next_slot_ms, now_ms, stop_at)
        await self._schedules.release(schedule.id)

    async def _decide(self, schedule: StoredSchedule, next_ms: int, now_ms: int, stop_at: float) -> None:
        """Decide what is due, slot by slot; the rest waits for the next look when time is up or somebody was faster."""
        found = due(schedule.timing, next_ms, now_ms, schedule.catchup, schedule.catchup_limit)
        dropped = found.dropped
        self._slots.labels("missed").inc(dropped)
        if not found.slots:
            changes = {"next_slot_ms": found.next_ms, "skipped": schedule.skipped + dropped}
            await self._schedules.settle(schedule, changes)
            return
        current: StoredSchedule | None = schedule
        for slot, following in zip(found.slots, (*found.slots[1:], found.next_ms), strict=True):
            if current is None or time.monotonic() > stop_at:
                return
            changes = await self._decide_one(current, slot)
            changes["skipped"] = (changes.get("skipped") or current.skipped) + dropped
            dropped = 0
            current = await self._schedules.settle(current, changes | {"next_slot_ms": following})

    async def _decide_one(self, schedule: StoredSchedule, slot: int) -> dict[str, Any]:
        """Return what a slot changes in its schedule."""
        runs = schedule.overlap != "allow" and await self._runs(schedule)
        verdict = overlap(schedule.overlap, previous_runs=runs, one_waits=schedule.queued_slot_ms is not None)
        if verdict == "skip":
            self._slots.labels("skipped").inc()
            return {"skipped": schedule.skipped + 1}
        if verdict == "queue":
            self._slots.labels("queued").inc()
            return {"queued_slot_ms": slot}
        if verdict == "cancel_and_start":
            await self._cancel(schedule, slot)
        return await self._start(schedule, slot)

    async def _start(self, schedule: StoredSchedule, slot: int) -> dict[str, Any]:
        """Submit a slot's run; one that cannot be submitted is said in the schedule, and not tried again."""
        source, run = source_of(schedule.id), run_of(schedule, slot)
        try:
            record = await self._prepared(schedule, source, slot)
            run = record.run_id
            await self._submissions.submit(record)
        except SubmissionConflict:
            # It was submitted as the schedule was then; a scheduler died, and somebody changed it before the next.
            log.info("slot %s of %s was started before", slot_id(slot), schedule.id, extra={"action": "slot_started"})
        except SubjectErased as exc:
            self._slots.labels("refused").inc()
            log.warning("schedule %s is paused: %s", schedule.id, exc, extra={"action": "schedule_paused"})
            return {"problem": str(exc)[:_PROBLEM_CHARS], "problem_slot_ms": slot, "paused": True}
        except Rejected as exc:
            self._slots.labels("refused").inc()
            log.warning(
                "slot %s of schedule %s cannot be run: %s", slot_id(slot), schedule.id, exc,
                extra={"action": "slot_refused"},
            )  # fmt: skip
            return {"problem": str(exc)[:_PROBLEM_CHARS], "problem_slot_ms": slot}
        self._slots.labels("started").inc()
        return {
            "last_slot_ms": slot,
            "last_run_id": run,
            "problem": None,
            "problem_slot_ms": None,
        }

    async def _prepared(self, schedule: StoredSchedule, source: str, slot: int) -> RunSubmitted:
        """Return a slot's submission. Somebody with a key wrote the schedule, its inputs included."""
        inputs = None
        if schedule.subject:
            if self._inputs is None:
                fix = "set VAULT_KEY for the scheduler"
                raise InvalidInput.of(Problem("subject", "the inputs are sealed, and nothing can be opened here", fix))
            inputs = await self._inputs.opened(schedule.org_id, schedule.inputs)
        body = submission_of(schedule, slot, inputs)
        return await self._submissions.prepare(
            schedule.org_id, source, slot_id(slot), body, door=Integrity.USER, subject=schedule.subject
        )

    async def _runs(self, schedule: StoredSchedule) -> bool:
        """Return whether the schedule's previous run is still under way, as far as can be known."""
        run = schedule.last_run_id
        if run is None:
            return False
        line = await self._history.status(schedule.org_id, run)
        if line is not None:
            return line.status not in TERMINAL_RUN
        receipt = await self._markers.find(schedule.org_id, run)
        return receipt is not None and self._clock.now_ms() - receipt.submitted_at_ms < UNSEEN_MS

    async def _cancel(self, schedule: StoredSchedule, slot: int) -> None:
        run = schedule.last_run_id
        if run is None:
            return
        reason = f"the next slot, {slot_id(slot)}, is due"
        event = CancelRequested(run_id=run, org_id=schedule.org_id, reason=reason, requested_by=source_of(schedule.id))
        await self._appender.append([OutRecord(RUN_EVENTS, run.encode(), encode(event))])

    async def _backfill(self) -> None:
        """Submit some slots of a backfill. A slot that was run before stays as it was."""
        leased = await self._backfills.lease(LEASE_S)
        if leased is None:
            return
        backfill, schedule = leased
        found = slots(schedule.timing, backfill.next_ms - 1, backfill.until_ms - 1, BACKFILL_BATCH)
        records: list[RunSubmitted] = []
        problem = None
        for slot in found:
            try:
                records.append(await self._prepared(schedule, source_of(schedule.id), slot))
            except Rejected as exc:
                problem = f"slot {slot_id(slot)}: {exc}"[:_PROBLEM_CHARS]
        await self._submissions.submit_all(records)
        self._slots.labels("backfilled").inc(len(records))
        next_ms = found[-1] + 1 if len(found) == BACKFILL_BATCH else backfill.until_ms
        await self._backfills.settle(backfill, next_ms, len(records), problem)

    async def _give_back(self, leased: Sequence[StoredSchedule]) -> None:
        """End leases early, so that an outage of one dependency delays slots no longer than it lasts."""
        for schedule in leased:
            try:
                await self._schedules.release(schedule.id)
            except Unavailable:
                return


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    path = SubmissionPath.of(ctx)
    ports = SchedulerPorts(
        schedules=Schedules(path.database),
        backfills=Backfills(path.database),
        submissions=path.submissions,
        history=path.history,
        markers=path.markers,
        appender=path.appender,
        inputs=ScheduledInputs(path.objects, ctx.subject_keys()),
    )
    return TickApp(SPEC.name, Scheduler(ports, ctx.clock, ctx.registry), TICK_S)


SPEC = RoleSpec(
    name="scheduler",
    summary="submits the runs of schedules and backfills when they are due",
    build=build,
    writes=(RUN_EVENTS,),
    needs=(Dependency.KAFKA, Dependency.REDIS, Dependency.POSTGRES),
    uses=(Dependency.VAULT,),
)
