"""Histories that would take too long to play: written by hand, from what the fold itself asks for."""

from collections.abc import Callable, Mapping

from schemas.records.run_events import RunAdmitted, TimerFired
from schemas.records.timers import Deadline
from tests.histories.history import Record
from tests.support.runs import ORG, RUN, World, function, resolved, submitted
from topics.codec import encode


def backstop() -> list[Record]:
    """A run whose requests are lost: nobody answers, and only the backstop timers of its attempts fire."""
    world = World()
    policy = {"timeout_ms": 60_000, "retries": {"max_attempts": 2, "jitter": 0}}
    world.submit(function("a", policy), function("b"), edges="a>b")
    while world.timers:
        world.fire(min(world.timers, key=lambda timer_id: world.timers[timer_id]))
    return [(at_ms, encode(event).decode()) for event, at_ms in world.events]


def turns() -> list[Record]:
    """Runs that wait for their turn: admitted twice; canceled in line and admitted too late; ended by its deadline."""
    world = World()
    spec = resolved(function("a"), function("b"), edges="a>b")
    given = {"turns": True}
    world.feed(submitted(spec, **given))
    world.feed(submitted(spec, run_id="run-2", **given))
    world.feed(submitted(spec, run_id="run-3", deadline_ms=1_000, **given))
    world.now_ms += 250
    for run_id in (RUN, RUN):
        world.feed(RunAdmitted(run_id=run_id, org_id=ORG, workflow_name="flow"))
    world.cancel("no longer needed", "run-2")
    world.feed(RunAdmitted(run_id="run-2", org_id=ORG, workflow_name="flow"))
    world.succeed("a", {"x": 1})
    world.succeed("b", {"x": 2})
    world.now_ms += 750
    world.feed(TimerFired(run_id="run-3", org_id="", timer=Deadline(), due_ms=world.now_ms))
    return [(at_ms, encode(event).decode()) for event, at_ms in world.events]


#: By name: what is written.
BUILT: Mapping[str, Callable[[], list[Record]]] = {"backstop": backstop, "turns": turns}
