"""Flow control: no key is held by more runs than may, nobody starts before it may, and nobody is left waiting."""

from collections.abc import Iterator
from itertools import pairwise

from schemas.records.admissions import AdmissionAsked, AdmissionReleased
from schemas.records.run_events import CancelRequested, RunAdmitted
from schemas.spec.flow import FLOW_ENDS
from schemas.tables.admissions import POOL, QUEUES
from tests.simulation.oracle.history import History
from tests.simulation.oracle.order import NEVER, first
from tests.simulation.world.world import World
from topics import catalogue


def check(world: World, history: History) -> Iterator[str]:
    """Yield what flow control did that it may not."""
    if not world.gates:
        return
    asked = first(world, catalogue.ADMISSIONS, lambda event: isinstance(event, AdmissionAsked))
    admitted = first(world, catalogue.RUN_EVENTS, lambda event: isinstance(event, RunAdmitted))
    released = first(world, catalogue.ADMISSIONS, lambda event: isinstance(event, AdmissionReleased))
    yield from _held(world, admitted, released)
    yield from _in_order(world, asked, admitted)
    yield from _ends(world, history, asked)
    yield from _replaced(world, history, asked, released)
    for at, request in history.requests:
        run = history.stories[request.run_id].run
        if run.flow is not None and not request.compensation and at < admitted.get(request.run_id, NEVER):
            yield f"{request.run_id} was worked on before it passed its gates"
    for run_id, story in history.stories.items():
        if story.run.flow is not None and run_id not in released:
            yield f"{run_id} never returned what it holds"
    entries = world.tables[catalogue.ADMISSIONS].entity(0, QUEUES) if world.partitions == 1 else {}
    if left := [name for name in entries if name != POOL]:
        yield f"left at gates: {left}"


def _held(world: World, admitted: dict[str, int], released: dict[str, int]) -> Iterator[str]:
    for gate in world.gates:
        if gate.kind != "concurrency":
            continue
        for run_id, at in admitted.items():
            beside = [one for one in admitted if admitted[one] <= at < released.get(one, NEVER)]
            if len(beside) > gate.limit:
                yield f"{run_id} holds {gate.key} beside {beside}"


def _in_order(world: World, asked: dict[str, int], admitted: dict[str, int]) -> Iterator[str]:
    """Runs of one key pass in the order in which they asked. One order is known of one partition only."""
    if world.partitions > 1 or any(gate.kind == "debounce" for gate in world.gates):
        return
    passed = sorted((run for run in world.runs if run in admitted), key=lambda run: admitted[run])
    if passed != sorted(passed, key=lambda run: asked[run]):
        yield f"{passed} passed in another order than they asked"


def _replaced(world: World, history: History, asked: dict[str, int], released: dict[str, int]) -> Iterator[str]:
    """Of a key that cancels its oldest, each run that is not over when the next one asks is told to end."""
    if not any(gate.on_excess == "cancel_oldest" and gate.limit == 1 for gate in world.gates):
        return
    order = sorted(asked, key=lambda run: asked[run])
    for earlier, later in pairwise(order):
        told = [event.said.code for event in history.stories[earlier].of_kind(CancelRequested)]
        if asked[later] < released.get(earlier, NEVER) and "superseded" not in told:
            yield f"{earlier} was not over when {later} came, and nobody told it to end"


def _ends(world: World, history: History, asked: dict[str, int]) -> Iterator[str]:
    """A run that flow control ends says for which one; the newest of a key is never ended for another."""
    newest = max(asked, key=lambda run: asked[run], default="")
    for run_id, story in history.stories.items():
        error = story.newest.error if story.newest is not None else None
        if error is None or error.code not in FLOW_ENDS:
            continue
        told = [event.said.code for event in story.of_kind(CancelRequested)]
        if error.code not in told:
            yield f"{run_id} ended as {error.code}, and flow control told it {told}"
        by_run = error.details.get("by_run", "")
        if error.code in ("debounced", "superseded") and by_run not in asked:
            yield f"{run_id} ended for {by_run!r}, which never asked"
        if error.code == "superseded" and (run_id == newest or asked[by_run] < asked[run_id]):
            yield f"{run_id} ended for {by_run}, which asked before it"
        if error.code == "debounced" and world.runs[by_run].submitted_at_ms < world.runs[run_id].submitted_at_ms:
            yield f"{run_id} ended for {by_run}, which was submitted before it"
