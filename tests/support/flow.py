"""A table of admissions whose runs pass gates of flow control, with its timers, and gates for runs."""

from typing import Any

from schemas.records.admissions import AdmissionEvent, FlowDue
from schemas.records.flow import FlowGate, RunFlow
from schemas.records.run_events import CancelRequested
from schemas.tables.flow import parse_key_timer
from streams.core.commands import Arm, Disarm, Emit
from tests.support.turns import START_MS, Table


def concurrency(key: str = "k", limit: int = 1, on_excess: Any = "queue", rule: str = "inputs.k") -> FlowGate:
    """Return a gate that as many runs of a key pass as its limit says."""
    return FlowGate(kind="concurrency", key=f"c{key}", rule=rule, limit=limit, on_excess=on_excess)


def rate(key: str = "k", limit: int = 1, per_ms: int = 1_000, on_excess: Any = "queue") -> FlowGate:
    """Return a gate that as many runs of a key pass in a period as its limit says."""
    return FlowGate(kind="rate", key=f"r{key}", rule="inputs.k", limit=limit, per_ms=per_ms, on_excess=on_excess)


def debounce(key: str = "k", period_ms: int = 1_000, max_wait_ms: int | None = None) -> FlowGate:
    """Return a gate that the last run of a key passes."""
    return FlowGate(kind="debounce", key=f"d{key}", rule="inputs.k", period_ms=period_ms, max_wait_ms=max_wait_ms)


def flow(*gates: FlowGate, version: int = 1, at_ms: int = START_MS) -> RunFlow:
    """Return the gates of a run that was submitted at this time."""
    return RunFlow(version=version, submitted_at_ms=at_ms, gates=list(gates))


class FlowTable(Table):
    """Fires timers as the engine does. ``ended`` are the requests to end runs, in order, repeats too."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: dict[str, int] = {}
        self.ended: list[CancelRequested] = []
        self.admitted_ms: dict[str, int] = {}

    def feed(self, event: AdmissionEvent) -> list[str]:
        """Fold an event, and at once what it emits for itself."""
        if isinstance(event, FlowDue):
            self.timers.pop(f"{event.org_id}/{event.key}", None)
        told = super().feed(event)
        for run in told:
            # A timer counts by its own time where the clock of its record is behind.
            self.admitted_ms.setdefault(run, max(self.now_ms, event.due_ms if isinstance(event, FlowDue) else 0))
        more: list[FlowDue] = []
        for command in self.last:
            match command:
                case Arm(_, timer_id, due_ms):
                    self.timers[timer_id] = due_ms
                case Disarm(_, timer_id):
                    self.timers.pop(timer_id, None)
                case Emit(CancelRequested() as cancel):
                    self.ended.append(cancel)
                case Emit(FlowDue() as due):
                    more.append(due)
        for due in more:
            told += self.feed(due)
        return told

    def passes(self, run: str, *gates: FlowGate, **more: Any) -> list[str]:
        """A run that no limit holds for asks, with these gates; return who is admitted."""
        fields = {name: more.pop(name) for name in ("version", "at_ms") if name in more}
        fields.setdefault("at_ms", self.now_ms)
        return self.ask(run, flow=flow(*gates, **fields), limited=more.pop("limited", False), **more)

    def pass_time(self, ms: int) -> list[str]:
        """Let time pass, and fire what is due meanwhile, each at its time; return who is admitted."""
        until, told = self.now_ms + ms, []
        while due := sorted((due_ms, timer) for timer, due_ms in self.timers.items() if due_ms <= until):
            due_ms, timer = due[0]
            self.now_ms = max(self.now_ms, due_ms)
            told += self.fire(timer, due_ms)
        self.now_ms = until
        return told

    def fire(self, timer: str, due_ms: int) -> list[str]:
        """Fold the record of a timer."""
        org_id, key = parse_key_timer(timer)
        return self.feed(FlowDue(org_id=org_id, key=key, due_ms=due_ms))

    def ends(self) -> dict[str, tuple[str, str]]:
        """Return why runs were asked to end, and for which run."""
        return {one.run_id: (one.code, one.by_run) for one in self.ended}

    def stored_timers(self) -> dict[str, int]:
        """Return the timers that a restore arms, out of the stored entries."""
        entries = self.snapshot()["queues"]
        found = (self.fold.timer("queues", field, data) for field, data in entries.items())
        return dict(one for one in found if one is not None)
