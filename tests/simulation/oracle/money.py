"""The money: every window's spend, every run's and step's cost, caps, and nothing that stays held."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from schemas.records.money import CallStarted, CostEvent
from schemas.records.run_events import ChildFinished
from tests.simulation.oracle.history import Event, History, Story
from tests.simulation.world.answers import amount
from tests.simulation.world.world import World
from tests.support.runs import ORG

#: How long a run that is over takes costs that come late.
LATE_MS = 3_600_000


def check(world: World, history: History) -> Iterator[str]:
    """Yield what is wrong with the money."""
    yield from _windows(world, history)
    yield from _calls(world, history)
    for story in history.stories.values():
        yield from _costs(story)
        yield from _children(history, story)
    yield from _caps(history)


# By organisation


def _final(history: History) -> dict[str, tuple[CostEvent, CostEvent]]:
    """Return the first settlement of each call, by whose time it is booked, and the one that counts."""
    found: dict[str, tuple[CostEvent, CostEvent]] = {}
    for event in history.costs:
        if not isinstance(event.said, CostEvent):
            continue
        first, last = found.get(event.said.call_id, (event.said, event.said))
        if (last.kind, event.said.kind) == ("presumed", "actual"):
            last = event.said
        found[event.said.call_id] = (first, last)
    return found


def _fields(event: CostEvent) -> list[str]:
    at = datetime.fromtimestamp(event.booked_at_ms / 1000, UTC)
    windows = [f"day:{at.year:04}-{at.month:02}-{at.day:02}", f"month:{at.year:04}-{at.month:02}", "total"]
    dims = ["org", f"workflow={event.workflow_name}", f"provider={event.provider}", f"model={event.model}"]
    return [f"{dim}|{window}" for dim in dims for window in windows]


def _windows(world: World, history: History) -> Iterator[str]:
    """What is spent in each window is the sum of final settlements, in the windows of their calls' holds."""
    expected: dict[str, int] = defaultdict(int)
    for first, last in _final(history).values():
        for name in _fields(first):
            expected[name] += last.amount_nano
    spent: dict[str, int] = defaultdict(int)
    for partition in range(world.partitions):
        shared = ((name, data) for name, data in world.money.entity(partition, ORG).items() if "|" in name)
        for name, data in shared:
            spent[name] += int(data)
    for name in sorted(spent.keys() | expected.keys()):
        if spent[name] != expected[name]:
            yield f"{name}: {spent[name]} is spent, and {expected[name]} was settled"


def _calls(world: World, history: History) -> Iterator[str]:
    """A call starts before it is settled; what was answered is settled, whoever died; nothing stays held."""
    started = {event.said.call_id for event in history.costs if isinstance(event.said, CallStarted)}
    final = _final(history)
    yield from (f"{call} was settled and never started" for call in final.keys() - started)
    yield from (f"{call} was answered and is not settled" for call in world.worker.billed if call not in final)
    yield from (f"{call} started and is not settled" for call in started - final.keys())
    for call, (_, last) in final.items():
        if last.kind == "actual" and last.amount_nano != world.worker.billed.get(call):
            yield f"{call} cost {last.amount_nano}"
    yield from (f"{call} is still held" for p in range(world.partitions) for call in world.money.holds(p))


# By run


def _costs(story: Story) -> Iterator[str]:
    """A run and each of its steps cost what their attempts did, each once, also those that nobody waited for."""
    newest, end = story.newest, story.end
    if newest is None or end is None:
        return
    until_ms = (newest.finished_at_ms or 0) + LATE_MS
    for step_id, step in ((step_id, story.last(step_id)) for step_id in story.steps):
        assert step is not None
        least = most = 0
        for (of, _), outcome in story.outcomes.items():
            if of == step_id:
                most += outcome.said.cost_nano
                least += outcome.said.cost_nano * (outcome.ms < until_ms)
        if not least <= step.cost_nano <= most:
            yield f"{story.id}: {step_id} cost {step.cost_nano}, and its attempts cost {least} to {most}"
    least = sum(o.said.cost_nano for o in story.outcomes.values() if o.ms < until_ms)
    most = sum(o.said.cost_nano for o in story.outcomes.values())
    if not least <= newest.cost_nano <= most:
        yield f"{story.id} cost {newest.cost_nano}, and its attempts cost {least} to {most}"
    for (step_id, attempt), outcome in story.outcomes.items():
        if outcome.said.cost_nano not in (0, amount(f"{story.id}:{step_id}:{attempt}")):
            yield f"{story.id}: attempt {attempt} of {step_id} cost {outcome.said.cost_nano}"


def paid(story: Story, offset: int) -> int:
    """Return what a run has paid when the event at ``offset`` is over, as far as the log says."""
    own = sum(o.said.cost_nano for o in story.outcomes.values() if o.offset <= offset)
    return own + sum(event.said.cost_nano for event in _ends_of_children(story) if event.offset <= offset)


def _ends_of_children(story: Story) -> list[Event]:
    first: dict[str, Event] = {}
    for event in story.of_kind(ChildFinished):
        first.setdefault(event.said.child_run_id, event)
    return list(first.values())


def _children(history: History, story: Story) -> Iterator[str]:
    """The end of a run tells its parent what it had cost by then, its own children with it."""
    for event in story.of_kind(ChildFinished):
        child = history.stories.get(event.said.child_run_id)
        if child is None or child.end is None:
            yield f"{story.id} was told the end of {event.said.child_run_id}, which has none"
            continue
        assert child.newest is not None
        known = {paid(child, child.end.offset), child.newest.cost_nano + child.newest.children_nano}
        if not min(known) <= event.said.cost_nano <= max(known) or event.said.status != child.newest.status:
            yield f"{child.id} ended as {child.newest.status} at {known}, and its parent was told {event.said}"


def _caps(history: History) -> Iterator[str]:
    """A request, and a run that a run starts, may spend what is left of the run's cap and no more."""
    for _, request in history.requests:
        story = history.stories[request.run_id]
        asked = story.asked(request.step_id, request.attempt)
        if asked is not None:
            left = _left(story, asked.since)
            if (left is None) != (request.run_budget_nano is None) or (request.run_budget_nano or 0) > (left or 0):
                yield f"{request.request_id} may spend {request.run_budget_nano} of {left}"
    for child in history.stories.values():
        parent = child.run.parent
        if parent is None:
            continue
        story = history.stories[parent.run_id]
        asked = story.asked(parent.step_id, parent.attempt)
        left = None if asked is None else _left(story, asked.since)
        if left is not None and (child.run.budget_nano is None or child.run.budget_nano > left):
            yield f"{child.id} may spend {child.run.budget_nano} of {left}"


def _left(story: Story, offset: int) -> int | None:
    cap = story.run.budget_nano
    return None if cap is None else max(0, cap - paid(story, offset))
