"""Tracks which changes of one run a follower has received, and which are still to send. Pure: no I/O, no clock.

History is authoritative: only its data moves the cursor. The bus delivers the same changes earlier and may lose any of
them; changes from the bus are remembered, so that history does not send them again. A follower receives every status of
the run, in order, and the newest state of each step; a step's intermediate states may be skipped.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from api.live.cursor import Cursor
from api.render import runs
from connectors.postgres.history.run_changes import RunChanges
from connectors.postgres.history.runs import RunLine, StoredStep
from schemas.api_models.runs import RunSummary
from schemas.run_states import OPEN_STEP, TERMINAL_RUN, RunState


@dataclass(frozen=True)
class Event:
    """One server-sent event; without ``name`` it only moves the client's id."""

    name: str = ""
    data: str = ""
    id: Cursor | None = None

    def encode(self) -> bytes:
        """Return its lines."""
        lines = [f"id: {self.id}"] if self.id is not None else []
        lines += [f"event: {self.name}", f"data: {self.data}"] if self.name else []
        return ("\n".join(lines) + "\n\n").encode()


class Story:
    """One follower's story. It continues from ``cursor``."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self._told = cursor.told
        self._steps: dict[str, int] = {}
        self._open: set[str] = set()
        self._status: RunState = "queued"

    @property
    def ended(self) -> bool:
        """True after the run's end was sent."""
        return self._told == 3

    @property
    def whole(self) -> bool:
        """Whether history told the end, and no step that it has is open."""
        return self._status in TERMINAL_RUN and not self._open

    def of_history(self, changes: RunChanges) -> list[Event]:
        """Return changes of history that were not sent, and mark all of them as sent."""
        events = [*self._about(changes.run, changes.steps)]
        self._status = changes.run.status
        for _, step in changes.steps:
            (self._open.add if step.status in OPEN_STEP else self._open.discard)(step.step_id)
        cursor = Cursor(max(changes.version, self.cursor.version), self._told)
        if cursor != self.cursor:
            self.cursor = cursor
            last = events.pop() if events else Event()
            events.append(replace(last, id=cursor))
        return events

    def of_marker(self, run: RunSummary) -> list[Event]:
        """Return the event for a run that was accepted and is not in history yet."""
        if self._told:
            return []
        self._told = 1
        return [Event("run", _queued(run))]

    def of_bus(self, run: RunLine, steps: Iterable[tuple[int, StoredStep]]) -> list[Event]:
        """Return changes from the bus that were not sent. The events have no id: the bus may have lost others."""
        return [*self._about(run, steps)]

    def end(self) -> Event:
        """Return the last event."""
        return Event("end", f'{{"status":"{self._status}"}}', self.cursor)

    def _about(self, run: RunLine, steps: Iterable[tuple[int, StoredStep]]) -> Iterator[Event]:
        for line in _statuses(run):
            if self._rank(line) <= self._told or line.status in TERMINAL_RUN:
                continue
            yield self._status_told(line)
        for version, step in steps:
            if version > self._steps.get(step.step_id, -1):
                self._steps[step.step_id] = version
                yield Event("step", runs.step(step).model_dump_json(exclude_none=True))
        if run.status in TERMINAL_RUN and self._told < 3:
            yield self._status_told(run)

    def _status_told(self, line: RunLine) -> Event:
        self._told = self._rank(line)
        return Event("run", runs.summary(line).model_dump_json(exclude_none=True))

    @staticmethod
    def _rank(line: RunLine) -> int:
        return 3 if line.status in TERMINAL_RUN else 2 if line.status == "running" else 1


def _statuses(run: RunLine) -> Iterator[RunLine]:
    """Yield the run at each of its statuses up to now, derived from its times."""
    queued = replace(
        run,
        status="queued",
        started_ms=None,
        finished_ms=None,
        error=None,
        cost_nano=0,
        input_tokens=0,
        output_tokens=0,
        kinds=None,
        compensating=False,
    )
    if run.status != "queued":
        yield queued
    if run.started_ms is not None and run.status in TERMINAL_RUN:
        yield replace(queued, status="running", started_ms=run.started_ms)
    yield run


def _queued(run: RunSummary) -> str:
    shown = RunSummary.model_fields.keys()
    return run.model_dump_json(exclude_none=True, include=set(shown))
