"""A table of admissions in memory, and its counts computed in an independent way."""

from typing import Any

from schemas.records.admissions import (
    AdmissionAsked,
    AdmissionContinued,
    AdmissionEvent,
    AdmissionReleased,
    LimitsSet,
    PoolSet,
)
from schemas.records.flow import RunFlow
from schemas.records.run_events import RunAdmitted
from schemas.tables.admissions import QUEUES
from streams.core.admissions.fold import AdmissionsFold
from streams.core.admissions.queue import AdmissionQueues
from streams.core.commands import Command, Emit, ExpireAt
from streams.core.memory import MemoryState

START_MS = 1_700_000_000_000


class EncodedState(MemoryState):
    """Entries as the table keeps them: every value passes the codec."""

    def __init__(self, fold: AdmissionsFold) -> None:
        super().__init__()
        self._fold = fold

    def put(self, entity: str, field: str, value: Any) -> None:
        """Set an entry."""
        super().put(entity, field, self._fold.decode(entity, field, self._fold.encode(entity, field, value)))


class Table:
    """Folds one event after another. ``told`` are the runs that were admitted, in order, repeats too."""

    def __init__(self) -> None:
        self.fold = AdmissionsFold()
        self.state = EncodedState(self.fold)
        self.now_ms = START_MS
        self.log: list[tuple[AdmissionEvent | None, int]] = []
        self.told: list[str] = []
        self.last: list[Command] = []

    @property
    def queues(self) -> AdmissionQueues:
        """The queues as they are."""
        return AdmissionQueues(self.state)

    def feed(self, event: AdmissionEvent) -> list[str]:
        """Fold an event, and what it asks to go on with; return who is admitted by it."""
        self.last = self.fold.fold(self.state, event, self.now_ms, len(self.log))
        self.log.append((event, self.now_ms))
        records = [command.record for command in self.last if isinstance(command, Emit)]
        told = [record.run_id for record in records if isinstance(record, RunAdmitted)]
        self.told += told
        return told

    def ask(
        self,
        run: str,
        org: str = "acme",
        workflow: str = "flow",
        project: str = "",
        flow: RunFlow | None = None,
        *,
        limited: bool = True,
    ) -> list[str]:
        """A run asks."""
        asked = AdmissionAsked(
            org_id=org, run_id=run, workflow_name=workflow, project=project, flow=flow, limited=limited
        )
        return self.feed(asked)

    def release(self, run: str, org: str = "acme", workflow: str = "flow") -> list[str]:
        """A run is over."""
        return self.feed(AdmissionReleased(org_id=org, run_id=run, workflow_name=workflow))

    def limit(
        self,
        most: int | None,
        version: int = 1,
        org: str = "acme",
        projects: dict[str, int] | None = None,
        **workflows: int,
    ) -> list[str]:
        """Set an organisation's limits."""
        limits = LimitsSet(
            org_id=org, version=version, max_running_runs=most, workflows=workflows, projects=projects or {}
        )
        return self.feed(limits)

    def pool(self, size: int) -> list[str]:
        """Set the pool."""
        return self.feed(PoolSet(size=size))

    def goes_on(self) -> bool:
        """Whether the last event asked for one that goes on."""
        return any(isinstance(c, Emit) and isinstance(c.record, AdmissionContinued) for c in self.last)

    def expire(self) -> None:
        """Let time pass until all that is over is forgotten."""
        self.now_ms += 10**9
        self.log.append((None, self.now_ms))
        for entity in self.state.entities():
            if entity != QUEUES and self.state.get(entity, "r").is_over:
                self.state.forget(entity)

    def again(self) -> "Table":
        """Return the table that is made of the same log."""
        other = Table()
        for event, now_ms in self.log:
            if event is None:
                other.expire()
            else:
                other.now_ms = now_ms
                other.feed(event)
        return other

    def expiries(self) -> list[ExpireAt]:
        """What the last event said of when entities leave."""
        return [command for command in self.last if isinstance(command, ExpireAt)]

    def snapshot(self) -> dict[str, dict[str, bytes]]:
        """The whole table as it would be stored."""
        return {QUEUES: {}} | self.state.snapshot(self.fold.encode)
