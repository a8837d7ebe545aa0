"""Recorded runs for tests of replays: what a ``World`` went through, as the log would have it."""

from typing import Any

from streams.core.replay.records import Recorded, event_of
from streams.core.replay.session import Session
from streams.core.replay.state import state_of
from streams.core.replay.verify import Recording
from tests.support.runs import RUN, World
from topics.codec import encode

#: Where the run's records lie: others are between them.
FIRST, EVERY = 100, 3


def texts_of(world: World) -> list[str]:
    """The records as the log has them."""
    return [encode(event).decode() for event, _ in world.events]


def recording(world: World, *, with_end: bool = True, **changes: Any) -> Recording:
    """What was recorded of a world's run."""
    records = [
        Recorded(FIRST + EVERY * number, at_ms, event_of(text))
        for number, (text, (_, at_ms)) in enumerate(zip(texts_of(world), world.events, strict=True))
    ]
    session = Session(RUN)
    session.run(records)
    fields: dict[str, Any] = {"run_id": RUN, "records": records, "end": state_of(session) if with_end else None}
    return Recording(**(fields | changes))
