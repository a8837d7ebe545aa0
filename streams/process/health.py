"""Health of this process' roles, for ``/ready``, ``/health``, metrics and the log.

A beat in the app's own loop samples every role twice a second; the HTTP server and the loop watchdog read the samples
from their threads, so both still answer when the loop is stuck.
"""

import asyncio
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from streams.process.dependencies import Dependencies, State
from streams.process.role import RoleApp, TickApp
from streams.process.stall_detector import BROKEN, PAUSED, READY, ProgressWatch, Sample, Stall
from streams.roles.worker.poll_handler import Worker
from streams.runtime.consumer.poll import Partition
from streams.runtime.sink import SinkAgent
from streams.runtime.table.agent import TableAgent

log = logging.getLogger(__name__)

BEAT_S = 0.5
#: ``/health`` triggers a restart, which costs more than a role that is only not ready: so it waits longer.
HEALTH_STALLS = 3
#: A process with broken partitions only is of no use, but an operator may repair them while it runs.
HOPELESS_STALLS = 6
#: Watched like a partition: what moves is the count of looks at them.
TIMERS: Partition = ("timers", 0)
#: What a role that reads no topic does.
TICKS: Partition = ("ticks", 0)
#: What only grows is no news.
_NUMBER = re.compile(r"\b\d+ (?=s\b|records\b)")


@dataclass(frozen=True)
class ProgressView:
    """One role at one beat: its partitions' standing and its problems, in words."""

    partitions: Mapping[Partition, ProgressWatch] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


class Health:
    """Judges roles. ``stall_s`` is the longest time without progress before it is a fault."""

    def __init__(self, roles: Iterable[str], dependencies: Dependencies, *, stall_s: float) -> None:
        self.dependencies = dependencies
        self.stall_s = stall_s
        self.apps: dict[str, RoleApp] = {}
        self.serving = False
        self._still = {role: Stall() for role in roles}
        self._views = {role: ProgressView() for role in self._still}
        self._beat = time.monotonic()
        self._bad_since: float | None = None
        self._said: set[str] = set()

    # In the loop

    async def beat(self) -> None:
        """Sample repeatedly, for ever."""
        while True:
            self.look()
            await asyncio.sleep(BEAT_S)

    def look(self) -> None:
        """Sample every role once, and log the changes."""
        now = self._beat = time.monotonic()
        self._views |= {role: self._view(role, app, now) for role, app in self.apps.items()}
        self._say(now)

    def hopeless(self) -> str:
        """Return why a role can do nothing until somebody acts: each of its partitions is broken."""
        patience_s = HOPELESS_STALLS * self.stall_s
        for role, view in self._views.items():
            own = {p: standing for p, standing in view.partitions.items() if p != TIMERS}
            if own and all(s.sample.status == BROKEN and s.status_s >= patience_s for s in own.values()):
                return f"every partition of {role} is broken: {next(iter(own.values())).sample.why}"
        return ""

    # From any thread

    def loop_still_s(self) -> float:
        """Return the seconds since the event loop last ran."""
        return max(0.0, time.monotonic() - self._beat - BEAT_S)

    def views(self) -> Mapping[str, ProgressView]:
        """Return the samples of the last beat."""
        return self._views

    def complaints(self) -> list[str]:
        """Return every reason why the process is not ready, in words; empty when it is ready."""
        if (still := self.loop_still_s()) >= self.stall_s:
            return [f"the event loop has been stuck for {still:.0f} s"]
        found = [] if self.serving else ["starting"]
        found += [_waited(state) for state in self.dependencies.waiting()]
        return found + self._of_roles()

    def degraded(self) -> list[str]:
        """Return what costs the process something and stops nothing, in words."""
        workers = [(role, app.handler) for role, app in self.apps.items() if isinstance(app.handler, Worker)]
        missed = [f"without {state.name}: {state.why}" for state in self.dependencies.missed()]
        return missed + [f"{role}: {what}" for role, handler in workers for what in handler.degraded()]

    def alive(self) -> bool:
        """True if the event loop runs, so that the process is worth keeping."""
        return self.loop_still_s() < HEALTH_STALLS * self.stall_s

    # Internals

    def _view(self, role: str, app: RoleApp, now: float) -> ProgressView:
        standing = self._still[role].look(now, samples(app))
        complaints = [*_group(app, now, self.stall_s)]
        if isinstance(app.handler, Worker):
            complaints += app.handler.complaints(self.stall_s)
        for (topic, number), one in standing.items():
            if complaint := one.complaint(self.stall_s):
                complaints.append(f"{topic}/{number} {complaint}")
        return ProgressView(standing, tuple(complaints))

    def _of_roles(self) -> list[str]:
        return [f"{role}: {c}" for role, view in self._views.items() for c in view.complaints]

    def _say(self, now: float) -> None:
        """Write a line for each new reason, and one when all is well again. Dependencies log their own."""
        found = {_NUMBER.sub("", complaint): complaint for complaint in self._of_roles()} if self.serving else {}
        if new := [complaint for what, complaint in found.items() if what not in self._said]:
            log.error("not ready: %s", "; ".join(new), extra={"action": "not_ready"})
        self._bad_since = (self._bad_since or now) if found else self._bad_since
        if self._said and not found and self._bad_since is not None:
            log.warning("ready again after %.1f s", now - self._bad_since, extra={"action": "ready"})
            self._bad_since = None
        self._said = set(found)


def samples(app: RoleApp) -> dict[Partition, Sample]:
    """Return the visible state of a role's partitions. Call it in the app's loop."""
    if isinstance(app, TickApp):
        return {TICKS: Sample(READY, app.ticks, lag=int(app.busy))}
    handler = app.handler
    if isinstance(handler, TableAgent):
        return _table(app, handler)
    if isinstance(handler, Worker):
        return _worker(app, handler)
    if isinstance(handler, SinkAgent):
        done, paused = handler.commits(), handler.paused()
        return {p: _sample(paused.get(p), done.get(p), lag) for p, lag in app.lags().items()}
    return {}


def _table(app: RoleApp, handler: TableAgent) -> dict[Partition, Sample]:
    lags = app.lags()
    owned = {(handler.topic, p): one for p, one in handler.partitions().items()}
    found = {p: Sample(o.status.value, o.committed, lags.get(p, 0), why=o.why) for p, o in owned.items()}
    if any(sample.status == READY for sample in found.values()):
        found[TIMERS] = Sample(READY, handler.ticks, lag=1)
    return found


def _worker(app: RoleApp, handler: Worker) -> dict[Partition, Sample]:
    """A request counts as progress when it is fetched: the duration of its work is not judged here."""
    paused, room = handler.paused(), handler.room()
    return {p: _sample(paused.get(p), at, lag, p in room) for p, (at, lag) in app.unread().items()}


def _sample(paused: str | None, position: int | None, lag: int, room: bool = True) -> Sample:
    return Sample(READY if paused is None else PAUSED, position, lag, room, paused or "")


def _group(app: RoleApp, now: float, stall_s: float) -> Iterable[str]:
    missing = app.missing_topics()
    if missing:
        yield f"topic {', '.join(missing)} is missing; run `python -m topics create`"
    joining = app.joining_since()
    if joining is not None and now - joining >= stall_s:
        yield f"has been joining its group for {now - joining:.0f} s"


def _waited(state: State) -> str:
    return f"waiting for {state.name} for {state.seconds(time.monotonic()):.0f} s: {state.why}"


class EventLoopWatch(threading.Thread):
    """Logs the stack of the loop's thread when the loop is stuck. Start it in that thread.

    ``on_stuck`` is called, in the watch's own thread, when the loop has been stuck for as long while the process ran:
    a process that was suspended as a whole is not stuck.
    """

    def __init__(
        self, health: Health, *, every_s: float = 1.0, on_stuck: Callable[[float], None] | None = None
    ) -> None:
        super().__init__(name="loop watch", daemon=True)
        self._health = health
        self._every_s = every_s
        self._on_stuck = on_stuck
        self._watched = threading.get_ident()
        self._ended = threading.Event()

    def run(self) -> None:
        """Watch until stopped."""
        stuck, watched_s, before = False, 0.0, time.monotonic()
        while not self._ended.wait(self._every_s):
            still, now = self._health.loop_still_s(), time.monotonic()
            watched_s = watched_s + min(now - before, 2 * self._every_s) if still > 0 else 0.0
            before = now
            if still >= self._health.stall_s and not stuck:
                where = "".join(traceback.format_stack(sys._current_frames().get(self._watched)))  # noqa: SLF001
                log.critical(
                    "the event loop has been stuck for %.0f s; it is in:\n%s",
                    still, where,
                    extra={"action": "loop_stuck"},
                )  # fmt: skip
            elif stuck and still < self._health.stall_s:
                log.warning("the event loop runs again", extra={"action": "loop_turns"})
            stuck = still >= self._health.stall_s
            if self._on_stuck is not None and min(still, watched_s) >= self._health.stall_s:
                self._on_stuck(still)

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()
        self.join(timeout=2 * self._every_s)
