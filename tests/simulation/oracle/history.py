"""What a world has said, read once: the log by run, step and attempt. It knows nothing of the rules that said it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from msgspec import structs

from schemas.records.money import CostEvent
from schemas.records.run_events import RunSubmitted, StepFailed, StepSucceeded
from schemas.records.run_views import RunView, StepView
from schemas.records.steps import StepRequest
from schemas.spec.loops import every_node
from schemas.spec.model import Edge, LoopConfig, LoopNode, Node
from tests.simulation.world.subjects import in_clear, opened
from tests.simulation.world.worker import LANE
from tests.simulation.world.world import World
from topics import catalogue
from topics.codec import decode

ENDED = frozenset({"succeeded", "failed", "canceled"})
SETTLED = ENDED | {"skipped"}


@dataclass(frozen=True)
class Event:
    """A record of the log: ``offset`` in its partition, ``at`` in the order of all appends, ``ms`` its time."""

    offset: int
    at: int
    ms: int
    said: Any


@dataclass(frozen=True)
class Moment:
    """What a step was from an event on: from that at ``version``, or from one since ``since``.

    The two differ where a restore folded events and told only what they came to.
    """

    since: int
    version: int
    view: StepView

    @property
    def exact(self) -> bool:
        """Whether it is known which event it was."""
        return self.since == self.version


@dataclass
class Story:
    """All that is known of one run. Versions of views are offsets of its events."""

    run: RunSubmitted
    events: list[Event] = field(default_factory=list)
    views: list[RunView] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The run."""
        return self.run.run_id

    @cached_property
    def at_offset(self) -> dict[int, Event]:
        """The events by offset."""
        return {event.offset: event for event in self.events}

    @cached_property
    def submitted(self) -> Event:
        """The first submission in the log."""
        return next(event for event in self.events if isinstance(event.said, RunSubmitted))

    @cached_property
    def newest(self) -> RunView | None:
        """The newest view."""
        return self.views[-1] if self.views else None

    @cached_property
    def end(self) -> Event | None:
        """The event that ended the run, by its views, or one after it, see ``exact_end``."""
        first = next((view.version for view in self.views if view.status in ENDED), None)
        return None if first is None else self.at_offset.get(first)

    @cached_property
    def exact_end(self) -> Event | None:
        """The event that ended the run, where that is sure."""
        end = self.end
        return (
            end if end is not None and any(v.version == end.offset and self._is_change(v) for v in self.views) else None
        )

    def _is_change(self, view: RunView) -> bool:
        """Whether a view says what one event changed; a restore tells everything, with the run's inputs."""
        return view.inputs is None or view.version == self.submitted.offset

    @cached_property
    def steps(self) -> dict[str, list[Moment]]:
        """What each step was, in order, without repeats."""
        found: dict[str, list[Moment]] = defaultdict(list)
        versions = sorted({view.version for view in self.views})
        by_version: dict[int, list[RunView]] = defaultdict(list)
        for view in self.views:
            by_version[view.version].append(view)
        for before, version in zip([-1, *versions], versions, strict=False):
            views = sorted(by_version[version], key=self._is_change, reverse=True)
            for view in views:
                since = version if self._is_change(view) else before + 1
                for step in view.steps:
                    bare = structs.replace(step, children=None)
                    moments = found[step.step_id]
                    if not moments or moments[-1].view != bare:
                        moments.append(Moment(since, version, bare))
        return dict(found)

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """The nodes of its workflow, without those inside of loops."""
        return {node.id: node for node in self.run.spec.spec.dag.nodes}

    @cached_property
    def every(self) -> dict[str, Node]:
        """The nodes of its workflow, also those inside of loops."""
        return {node.id: node for node in every_node(self.run.spec.spec.dag.nodes)}

    @property
    def edges(self) -> list[Edge]:
        """The edges between its nodes."""
        return self.run.spec.spec.dag.edges

    @property
    def prefix(self) -> str:
        """What the ids of its steps begin with."""
        return ""

    @cached_property
    def own_steps(self) -> list[str]:
        """The steps of its nodes, without those inside of loops."""
        return [step_id for step_id in self.steps if "~" not in step_id]

    @cached_property
    def iterations(self) -> dict[tuple[str, int], "Inside"]:
        """The iterations of its loops of which there is a step."""
        found: dict[tuple[str, int], Inside] = {}
        for step_id in self.steps:
            loop, tilde, rest = step_id.partition("~")
            number = int(rest.partition("/")[0]) if tilde else 0
            if tilde and (loop, number) not in found:
                found[loop, number] = Inside(self.run, self.events, self.views, around=self, loop=loop, number=number)
        return found

    def scope(self, step_id: str) -> "Story":
        """Return the story that a step belongs to: an iteration of a loop, or the run."""
        loop, tilde, rest = step_id.partition("~")
        return self.iterations[loop, int(rest.partition("/")[0])] if tilde else self

    @cached_property
    def outcomes(self) -> dict[tuple[str, int], Event]:
        """The first outcome of each attempt."""
        first: dict[tuple[str, int], Event] = {}
        for event in self.events:
            if isinstance(event.said, StepSucceeded | StepFailed):
                first.setdefault((event.said.step_id, event.said.attempt), event)
        return first

    def last(self, step_id: str) -> StepView | None:
        """Return what became of a step."""
        moments = self.steps.get(step_id)
        return moments[-1].view if moments else None

    def settled(self, step_id: str) -> Moment | None:
        """Return when a step was settled for good."""
        found = None
        for moment in reversed(self.steps.get(step_id, [])):
            if moment.view.state not in SETTLED:
                break
            found = moment
        return found

    def asked(self, step_id: str, attempt: int) -> Moment | None:
        """Return when an attempt of a step was asked for first, as far as it was shown while it was open."""
        for moment in self.steps.get(step_id, []):
            if moment.view.attempt == attempt and moment.view.state in ("running", "waiting"):
                return moment
        return None

    def event(self, moment: Moment | None) -> Event | None:
        """Return the event of a moment, ``None`` where it is not sure."""
        return self.at_offset.get(moment.version) if moment is not None and moment.exact else None

    def earliest(self, moment: Moment) -> int:
        """Return the place in the order of the log of the first event that a moment may have come by."""
        return next((event.at for event in self.events if event.offset >= moment.since), 2**53)

    def of_kind(self, *kinds: type) -> Iterator[Event]:
        """Yield the events of some kinds that came after the submission."""
        for event in self.events:
            if isinstance(event.said, kinds) and event.offset > self.submitted.offset:
                yield event


@dataclass
class Inside(Story):
    """One iteration of a loop, told like a run of its body. The ids of steps are those inside."""

    around: Story = field(kw_only=True)
    loop: str = field(kw_only=True)
    number: int = field(kw_only=True)

    @property
    def id(self) -> str:
        """The run and the iteration."""
        return f"{self.run.run_id} in {self.loop}~{self.number}"

    @property
    def prefix(self) -> str:
        """What the ids of its steps begin with."""
        return f"{self.loop}~{self.number}/"

    @cached_property
    def config(self) -> LoopConfig:
        """The loop's config."""
        node = self.around.nodes[self.loop]
        assert isinstance(node, LoopNode)
        return node.config

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """The nodes of the body."""
        return {node.id: node for node in self.config.body}

    @property
    def edges(self) -> list[Edge]:
        """The edges of the body."""
        return self.config.edges

    @cached_property
    def steps(self) -> dict[str, list[Moment]]:
        """What each step inside was."""
        size = len(self.prefix)
        return {
            step_id[size:]: [
                Moment(m.since, m.version, structs.replace(m.view, step_id=step_id[size:])) for m in moments
            ]
            for step_id, moments in self.around.steps.items()
            if step_id.startswith(self.prefix)
        }


@dataclass
class History:
    """All that a world has said."""

    stories: dict[str, Story]
    requests: list[tuple[int, StepRequest]]
    costs: list[Event]

    @cached_property
    def ledger(self) -> dict[str, dict[str, list[Event]]]:
        """The settlements of each call, in order, by run and call."""
        found: dict[str, dict[str, list[Event]]] = {}
        for event in self.costs:
            if isinstance(event.said, CostEvent):
                found.setdefault(event.said.run_id, {}).setdefault(event.said.call_id, []).append(event)
        return found


def read(world: World) -> History:
    """Read the whole log."""
    stories: dict[str, Story] = {run_id: Story(_run(world, run)) for run_id, run in world.runs.items()}
    events = _events(world, catalogue.RUN_EVENTS)
    for event in events:
        if isinstance(event.said, RunSubmitted):
            stories.setdefault(event.said.run_id, Story(_run(world, event.said)))
    for event in events:
        run_id = getattr(event.said, "run_id", None)
        if run_id in stories:
            stories[run_id].events.append(event)
    for event in _events(world, catalogue.RUN_VIEWS):
        stories[event.said.run_id].views.append(event.said)
    for story in stories.values():
        story.views.sort(key=lambda view: view.version)
    requests = [(event.at, event.said) for event in _events(world, LANE)]
    return History(stories, sorted(requests, key=lambda one: one[0]), _events(world, catalogue.COST_EVENTS))


def _as_it_is(record: Any) -> Any:
    return record


def _run(world: World, run: RunSubmitted) -> RunSubmitted:
    return in_clear(run) if world.sealed else run


def _events(world: World, topic: str) -> list[Event]:
    order, known = world.log.order, opened if world.sealed else _as_it_is
    return [
        Event(r.offset, order[r.topic, r.partition, r.offset], r.timestamp_ms, known(decode(r.topic, r.value)))
        for r in world.log.everything(topic)
    ]
