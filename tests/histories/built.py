"""Histories that would take too long to play: written by hand, from what the fold itself asks for."""

from collections.abc import Callable, Mapping

from tests.histories.history import Record
from tests.support.runs import World, function
from topics.codec import encode


def backstop() -> list[Record]:
    """A run whose requests are lost: nobody answers, and only the backstop timers of its attempts fire."""
    world = World()
    policy = {"timeout_ms": 60_000, "retries": {"max_attempts": 2, "jitter": 0}}
    world.submit(function("a", policy), function("b"), edges="a>b")
    while world.timers:
        world.fire(min(world.timers, key=lambda timer_id: world.timers[timer_id]))
    return [(at_ms, encode(event).decode()) for event, at_ms in world.events]


#: By name: what is written.
BUILT: Mapping[str, Callable[[], list[Record]]] = {"backstop": backstop}
