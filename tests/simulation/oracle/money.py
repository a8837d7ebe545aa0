"""The money: every window's spend, every run's and step's cost, caps, and nothing that stays held."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from schemas.records.money import CallStarted, CostEvent
from schemas.records.run_events import CallSettled, ChildFinished, StepFailed, StepSucceeded
from schemas.tables.budgets import CAP_SPENT, cap_entity
from tests.simulation.oracle.history import Event, History, Story
from tests.simulation.world.world import World
from tests.support.runs import ORG

#: How long a run that is over takes costs that come late.
LATE_MS = 3_600_000
#: How soon before that a settlement may be too late, since it passes the table of budgets first.
LEAVING_MS = 120_000


def check(world: World, history: History) -> Iterator[str]:
    """Yield what is wrong with the money."""
    yield from _windows(world, history)
    yield from _calls(world, history)
    for story in history.stories.values():
        yield from _costs(history, story)
        yield from _children(history, story)
    yield from _caps(history)
    yield from _never_over(world, history)
    yield from _spent_of_caps(world, history)


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


def _costs(history: History, story: Story) -> Iterator[str]:
    """A run costs what the ledger says of its calls, and each of its steps, too: whatever its outcomes say."""
    newest, end = story.newest, story.end
    if newest is None or end is None:
        return
    until_ms = (newest.finished_at_ms or 0) + LATE_MS
    by_step: dict[str, list[tuple[int, int]]] = defaultdict(list)
    early = _before_its_step(story)
    for call_id, event in history.ledger.get(story.run.run_id, {}).items():
        least, most = _range(event, until_ms)
        by_step[event[-1].said.step_id].append((0 if call_id in early else least, most))
    for step_id in by_step.keys() | story.steps.keys():
        step = story.last(step_id)
        least, most = (sum(side) for side in zip(*by_step[step_id], strict=True)) if by_step[step_id] else (0, 0)
        if step is not None and not least <= step.cost_nano <= most:
            yield f"{story.id}: {step_id} cost {step.cost_nano}, and the ledger has {least} to {most}"
    every = [_range(event, until_ms) for event in history.ledger.get(story.run.run_id, {}).values()]
    least, most = (sum(side) for side in zip((0, 0), *every, strict=True))
    if not least <= newest.cost_nano <= most:
        yield f"{story.id} cost {newest.cost_nano}, and the ledger has {least} to {most}"


def _before_its_step(story: Story) -> set[str]:
    """Return the calls of which a run heard before it asked for their step: of a chain that went on without it."""
    early = set()
    for event in story.events:
        for call_id, _, _ in _said_of_calls(event.said):
            asked = story.asked(event.said.step_id, 1)
            if asked is None or event.offset < asked.since:
                early.add(call_id)
    return early


def _range(events: list[Event], until_ms: int) -> tuple[int, int]:
    """Return what a call's settlements may count for a run: what the ledger has, unless one came as the run left."""
    final = next((event for event in events if event.said.kind == "actual"), events[0]).said.amount_nano
    amounts = {event.said.amount_nano for event in events}
    in_time = all(event.ms < until_ms - LEAVING_MS for event in events)
    return (final, final) if in_time else (0, max(amounts))


def paid(story: Story, offset: int) -> int:
    """Return what a run has paid when the event at ``offset`` is over, as far as the log says."""
    calls: dict[str, tuple[int, bool]] = {}
    for event in story.events:
        if event.offset <= offset:
            for call, amount_nano, presumed in _said_of_calls(event.said):
                known = calls.get(call)
                if known is None or (known[1] and not presumed):
                    calls[call] = (amount_nano, presumed)
    own = sum(amount_nano for amount_nano, _ in calls.values())
    return own + sum(event.said.cost_nano for event in _ends_of_children(story, offset))


def _said_of_calls(said: object) -> Iterator[tuple[str, int, bool]]:
    if isinstance(said, CallSettled):
        yield said.call_id, said.amount_nano, said.kind == "presumed"
    if isinstance(said, StepSucceeded | StepFailed):
        yield from ((call, said.cost_nano, call in said.presumed_calls) for call in said.call_ids)


def _ends_of_children(story: Story, offset: int) -> list[Event]:
    """Return the newest report of each child until an event."""
    newest: dict[str, Event] = {}
    for event in story.of_kind(ChildFinished):
        known = newest.get(event.said.child_run_id)
        if event.offset <= offset and (known is None or known.said.version < event.said.version):
            newest[event.said.child_run_id] = event
    return list(newest.values())


def _children(history: History, story: Story) -> Iterator[str]:
    """The end of a run tells its parent what it had cost by then, its own children with it."""
    for event in story.of_kind(ChildFinished):
        child = history.stories.get(event.said.child_run_id)
        if child is None or child.end is None:
            yield f"{story.id} was told the end of {event.said.child_run_id}, which has none"
            continue
        assert child.newest is not None
        at, total = paid(child, event.said.version - 1), child.newest.cost_nano + child.newest.children_nano
        if event.said.cost_nano not in (at, total) or event.said.status != child.newest.status:
            yield f"{child.id} ended as {child.newest.status} at {at}, and its parent was told {event.said}"


def _caps(history: History) -> Iterator[str]:
    """A request, and a run that a run starts, may spend what is left of the run's cap and no more."""
    for _, request in history.requests:
        story = history.stories[request.run_id]
        asked = story.asked(request.step_id, request.attempt)
        if asked is not None:
            left = _most_left(story, asked.since)
            if (left is None) != (request.run_budget_nano is None) or (request.run_budget_nano or 0) > (left or 0):
                yield f"{request.request_id} may spend {request.run_budget_nano} of {left}"
    for child in history.stories.values():
        parent = child.run.parent
        if parent is None:
            continue
        story = history.stories[parent.run_id]
        asked = story.asked(parent.step_id, parent.attempt)
        left = None if asked is None else _most_left(story, asked.since)
        if left is not None and (child.run.budget_nano is None or child.run.budget_nano > left):
            yield f"{child.id} may spend {child.run.budget_nano} of {left}"


def _most_left(story: Story, since: int) -> int | None:
    """Return the most that a request found: one that waited is sent again, and an estimate may have fallen since."""
    cap = story.run.budget_nano
    if cap is None:
        return None
    least = min(paid(story, event.offset) for event in story.events if event.offset >= since)
    return max(0, cap - least)


def _never_over(world: World, history: History) -> Iterator[str]:
    """At no prefix of the log a run and all that it started, and those started, cost more than its cap."""
    if world.money.rewound or world.days.left_ms:
        return
    counted: dict[str, tuple[int, bool]] = {}
    spent: dict[str, int] = defaultdict(int)
    for event in history.costs:
        said = event.said
        if not isinstance(said, CostEvent):
            continue
        amount_nano, presumed = counted.get(said.call_id, (0, True))
        if said.call_id in counted and not (presumed and said.kind == "actual"):
            continue
        counted[said.call_id] = (said.amount_nano, said.kind == "presumed")
        for story in _with_ancestors(history, said.run_id):
            spent[story.id] += said.amount_nano - amount_nano
            cap = story.run.budget_nano
            if cap is not None and spent[story.id] > cap:
                yield f"{story.id} may cost {cap}, and {spent[story.id]} was spent when {said.call_id} was settled"


def _with_ancestors(history: History, run_id: str) -> Iterator[Story]:
    story = history.stories.get(run_id)
    while story is not None:
        yield story
        parent = story.run.parent
        story = None if parent is None else history.stories.get(parent.run_id)


def _spent_of_caps(world: World, history: History) -> Iterator[str]:
    """What a cap's counter has is what the ledger has of its run and all that it started."""
    if world.days.left_ms:
        return
    expected: dict[str, int] = defaultdict(int)
    for _, last in _final(history).values():
        for story in _with_ancestors(history, last.run_id):
            if story.run.budget_nano is not None:
                expected[story.id] += last.amount_nano
    for run_id, amount_nano in expected.items():
        found = [world.money.entity(p, cap_entity(run_id)).get(CAP_SPENT, b"0") for p in range(world.partitions)]
        if sum(map(int, found)) != amount_nano:
            yield f"{run_id} spent {amount_nano} of its cap, and its counter has {found}"
