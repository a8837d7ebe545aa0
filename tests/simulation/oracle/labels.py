"""Labels: everything that a step depends on is in the label of what it gives, found here by brute force.

A value's origins are looked for in the documents and in what became of the steps, without any rule of the fold: what
its inputs name, what its conditions read, what its map lists, and all that decided about the nodes before it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from schemas.labels.label import INTEGRITIES, Integrity
from schemas.records.run_views import StepView
from schemas.records.security.pinned import RunSecurity
from schemas.records.steps import StepRequest
from schemas.spec.model import Node
from streams.core.runs.state.entries import decode, step_field
from tests.simulation.oracle.history import History, Inside, Story
from tests.simulation.world.labels import SAID, SAYS, SOURCES
from tests.simulation.world.world import World
from topics import catalogue

Marks = frozenset[str]
NONE: Marks = frozenset()
_OUTPUT = re.compile(r"\b([a-z]+)\.outputs?\b")
#: Origins of what is not trusted; ``signal`` is a user's.
WEB = frozenset({"in", "search", "u", "kept", "unlabelled"})
_INPUT = re.compile(r"\{\{([qvw])\}\}")
_TURN = "/turn-"


@dataclass
class Depends:
    """What the steps of one run depend on."""

    story: Story
    history: History
    _known: dict[tuple[str, str], Marks] = field(default_factory=dict)

    def given(self, step_id: str) -> Marks:
        """Return what a step's output depends on, null included."""
        return self._once("given", step_id)

    def decided(self, step_id: str) -> Marks:
        """Return what it depends on that a step runs."""
        return self._once("decided", step_id)

    def read(self, step_id: str) -> Marks:
        """Return what a step reads."""
        return self._once("read", step_id)

    def _once(self, what: str, step_id: str) -> Marks:
        key = (what, step_id)
        if key not in self._known:
            self._known[key] = getattr(self, f"_{what}")(step_id)
        return self._known[key]

    def _given(self, step_id: str) -> Marks:
        step, node = self.story.last(step_id), self._node(step_id)
        if step is None or step.state in ("skipped", "canceled"):
            return self.decided(step_id)
        if step.reused_from is not None:
            return frozenset({"kept" if self.story.run.run_id == "run-1" else "unlabelled"})
        marks = self.decided(step_id) | self.read(step_id) | self._source(step_id, node)
        if node.config.parallel and step_id == node.id:
            return marks.union(*(self.given(one) for one in self._children(node.id)))
        if node.type == "agent" and _TURN not in step_id:
            return marks.union(*(self.given(one) for one in self._parts(step_id)))
        if node.type == "loop":
            return marks.union(*(self.given(self._last(step_id, n)) for n in self._numbers(step_id)))
        if node.type == "workflow" and step.child_run_id in self.history.stories and step.state == "succeeded":
            child = Depends(self.history.stories[step.child_run_id], self.history)
            return self.decided(step_id) | child.given("i")
        if node.id in SAYS and step.state == "succeeded":
            marks |= {SAID}
        return marks

    def _decided(self, step_id: str) -> Marks:
        scope, node = self.story.scope(step_id), self._node(step_id)
        if node.config.parallel and step_id != node.id:
            return self.decided(node.id)
        if _TURN in step_id:
            agent, _, part = step_id.partition(_TURN)
            return self.decided(agent) | (
                self.given(f"{agent}{_TURN}{part.partition('/')[0]}") if "/" in part else NONE
            )
        marks = self._of_run()
        for edge in scope.edges:
            if edge.target == node.id:
                before = scope.nodes[edge.source]
                marks |= self.decided(f"{scope.prefix}{before.id}")
                if before.policy.optional:
                    marks |= self.given(f"{scope.prefix}{before.id}")
        if isinstance(scope, Inside):
            marks |= self._looped(scope.loop, scope.number - 1)
        if node.type == "loop":
            marks |= self._looped(node.id, max(self._numbers(node.id), default=0))
        texts = [node.config.condition or "", *(case.when for case in getattr(node.config, "cases", []))]
        return marks.union(*(self.given(f"{scope.prefix}{one}") for one in _OUTPUT.findall(" ".join(texts))))

    def _looped(self, loop: str, iterations: int) -> Marks:
        """Return what a loop's condition has read after some iterations; the loop has no conditions of its own."""
        scope = self.story
        marks = self._of_run()
        for edge in scope.edges:
            if edge.target == loop:
                marks |= self.decided(edge.source)
        return marks.union(*(self.given(self._last(loop, n)) for n in range(1, iterations + 1)))

    def _read(self, step_id: str) -> Marks:
        scope, node = self.story.scope(step_id), self._node(step_id)
        if _TURN in step_id:
            return self._heard(step_id)
        if node.config.parallel and step_id == node.id:
            return NONE
        inputs = getattr(node.config, "inputs", None)
        sources = [edge.source for edge in scope.edges if edge.target == node.id]
        if inputs is None and node.type == "function":
            own = self._inputs("") if not sources and not scope.prefix else NONE
            return own.union(*(self.given(f"{scope.prefix}{one}") for one in sources))
        text = json.dumps(inputs or {})
        marks = NONE.union(*(self._inputs(name) for name in _INPUT.findall(text)))
        if "{{item}}" in text:
            index = int(step_id.rpartition("[")[2][:-1])
            marks |= self.given(_OUTPUT.findall(json.dumps(node.config.items))[index])
        if "loop.previous" in text and isinstance(scope, Inside):
            marks |= self._looped(scope.loop, scope.number - 1)
        names = _OUTPUT.findall(text)
        inside = [f"{scope.prefix}{one}" if one in scope.nodes else one for one in names]
        return marks.union(*(self.given(one) for one in inside))

    def _heard(self, part_id: str) -> Marks:
        """Return what an agent has read before a turn, or when it requested a call."""
        agent, _, part = part_id.partition(_TURN)
        number = int(part.partition("/")[0])
        if "/" in part:
            return self.given(f"{agent}{_TURN}{number}")
        earlier = [one for one in self._parts(agent) if int(one.partition(_TURN)[2].partition("/")[0]) < number]
        return self.read(agent).union(*(self.given(one) for one in earlier))

    def _source(self, step_id: str, node: Node) -> Marks:
        if node.type == "signal":
            return frozenset({"signal"})
        call = step_id.partition(_TURN)[2].partition("/")[2].partition("[")[0]
        name = call or f"function:{getattr(node.config, 'function_name', '')}"
        return _origins(SOURCES[name].source) if name in SOURCES else NONE

    def _inputs(self, name: str) -> Marks:
        """Return what one of the run's inputs depends on, or all of them."""
        inputs = self._security.inputs
        own = [words for path, words in inputs.items() if path.startswith(f"$.{name}")]
        return NONE.union(*map(_origins, own or inputs.values()))

    def _of_run(self) -> Marks:
        return _origins(self._security.control)

    @property
    def _security(self) -> RunSecurity:
        assert self.story.run.security is not None
        return self.story.run.security

    def _node(self, step_id: str) -> Node:
        whole = step_id.partition(_TURN)[0]
        return self.story.scope(whole).nodes[whole.rpartition("/")[2].partition("[")[0]]

    def _children(self, node_id: str) -> list[str]:
        return [one for one in self.story.own_steps if one.startswith(f"{node_id}[")]

    def _parts(self, agent: str) -> list[str]:
        return [one for one in self.story.own_steps if one.startswith(f"{agent}{_TURN}")]

    def _numbers(self, loop: str) -> list[int]:
        """Return the iterations whose last node has ended, so that the condition was asked."""
        found = (number for name, number in self.story.iterations if name == loop)
        return sorted(n for n in found if (step := self.story.last(self._last(loop, n))) and step.state == "succeeded")

    def _last(self, loop: str, number: int) -> str:
        return f"{loop}~{number}/judge"


def check(world: World, history: History) -> Iterator[str]:
    """Yield each label that lacks something, or has something that nothing of it comes from."""
    if not world.labelled:
        return
    depends = {run_id: Depends(story, history) for run_id, story in history.stories.items()}
    for run_id, story in history.stories.items():
        yield from _of_submission(depends, story)
        for step_id in story.steps:
            step = story.last(step_id)
            if step is not None and step.state in ("succeeded", "skipped"):
                yield from _of_step(depends[run_id], step, _decided_by(world, run_id, step_id))
    for _, request in history.requests:
        yield from _of_request(depends[request.run_id], request)
    for request in world.worker.continued:
        if _continues_what_was_recorded(history.stories[request.run_id], request.step_id):
            yield from _of_request(depends[request.run_id], request)


def _continues_what_was_recorded(story: Story, step_id: str) -> bool:
    """Whether a worker went on from outputs that the fold took."""
    before = (story.last(edge.source) for edge in story.edges if edge.target == step_id)
    return all(step is not None and step.state == "succeeded" for step in before)


def _decided_by(world: World, run_id: str, step_id: str) -> Iterable[str] | None:
    """Return the label of what decided a step, as the table had it last; no record has it."""
    entry = world.tables[catalogue.RUN_EVENTS].steps.get((run_id, step_id))
    return None if entry is None else decode(step_field(step_id), entry).decided


def _of_step(depends: Depends, step: StepView, decided: Iterable[str] | None) -> Iterator[str]:
    where = f"{depends.story.id}: {step.step_id}"
    if decided is None:
        yield f"{where} does not say what decided it"
    else:
        yield from _differs(f"{where} was decided by", depends.decided(step.step_id), decided)
    if step.output is not None:
        yield from _differs(f"{where} gave", depends.given(step.step_id), _words(step.output.labels))


def _of_request(depends: Depends, request: StepRequest) -> Iterator[str]:
    said, step_id = request.security, request.step_id
    where = f"the request {request.request_id}"
    if said is None:
        yield f"{where} has no labels"
        return
    # What an agent's turn is given are the agent's arguments; what it has heard before is its context.
    is_turn = _TURN in step_id and "/" not in step_id.partition(_TURN)[2]
    made_of = depends.read(step_id.partition(_TURN)[0] if is_turn else step_id)
    yield from _differs(f"{where} is made of", made_of, _words(said.args))
    yield from _differs(f"{where} was decided by", depends.decided(step_id), said.control)
    if _TURN in step_id:
        yield from _differs(f"{where} was made after", depends.read(step_id) | depends.decided(step_id), said.context)


def _of_submission(depends: Mapping[str, Depends], story: Story) -> Iterator[str]:
    """A run that a step started has the labels of what it was given, and of what decided that."""
    parent, security = story.run.parent, story.run.security
    if security is None:
        yield f"{story.id} has no labels"
    elif parent is not None:
        of = depends[parent.run_id]
        yield from _differs(f"{story.id} is made of", of.read(parent.step_id), _words(security.inputs))
        yield from _differs(f"{story.id} was decided by", of.decided(parent.step_id), security.control)


def _words(labels: Mapping[str, list[str]]) -> list[str]:
    return [word for words in labels.values() for word in words]


def _differs(where: str, expected: Marks, words: Iterable[str]) -> Iterator[str]:
    said = list(words)
    found = _origins(said)
    if found != expected:
        yield f"{where} {sorted(found)}, and it comes from {sorted(expected)}"
    worst = max((INTEGRITIES.index(word) for word in said if word in INTEGRITIES), default=Integrity.WEB)
    least = Integrity.WEB if expected & WEB else Integrity.USER if expected & {"signal", SAID} else Integrity.TRUSTED
    if worst != least:
        yield f"{where} is {INTEGRITIES[worst]}, and it comes from {sorted(expected)}"


def _origins(words: Iterable[str]) -> Marks:
    return frozenset(word.removeprefix("from:") for word in words if word.startswith("from:"))
