"""Random organisations, limits and pools under repeated, late and invented records: what must hold in all of them."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.records.admissions import AdmissionContinued
from schemas.tables.admissions import QUEUES, queue_name
from streams.core.admissions import fold
from streams.core.memory import MemoryState
from tests.support.turns import Table

ORGS = ("a", "b", "c")
FLOWS = ("f", "g")
PROJECTS = ("", "p", "q")
#: More than these few runs can need, so that a run that is never admitted is found and not waited for.
DRAIN_MOST = 1_000


class Model:
    """The runs that were admitted and are not over, and those that wait, kept apart from the table."""

    def __init__(self) -> None:
        self.place: dict[str, tuple[str, str, str]] = {}
        self.waiting: dict[str, None] = {}
        self.running: set[str] = set()
        self.over: set[str] = set()
        self.limits: dict[str, tuple[int | None, dict[str, int], dict[str, int]]] = {}
        self.pool = 0

    def running_of(self, org: str, flow: str | None = None, project: str | None = None) -> int:
        places = [self.place[run] for run in self.running]
        return sum(o == org and flow in (None, f) and project in (None, p) for o, f, p in places)

    def may_go(self, run: str) -> bool:
        """Whether its own organisation's limits have room for a run."""
        org, flow, project = self.place[run]
        most, flows, projects = self.limits.get(org, (None, {}, {}))
        in_all = most is None or self.running_of(org) < most
        in_project = project not in projects or self.running_of(org, project=project) < projects[project]
        return in_all and in_project and (flow not in flows or self.running_of(org, flow) < flows[flow])

    def has_room(self) -> bool:
        return not self.pool or len(self.running) < self.pool


class Turns(RuleBasedStateMachine):
    """The table under anything that may happen to it."""

    @initialize(pool=st.integers(0, 4))
    def begin(self, pool):
        self.table, self.model, self.count, self.version = Table(), Model(), 0, 0
        self.since: dict[str, dict[str, int]] = {}
        self.table.pool(pool)
        self.model.pool = pool

    def absorb(self, told: list[str]) -> None:
        """Take in who was admitted: those in queue once, others only again."""
        model = self.model
        for run in told:
            if run in model.running:
                continue
            assert run in model.waiting, "only who waits is admitted"
            assert model.has_room()
            assert model.may_go(run)
            org = model.place[run][0]
            queue = [r for r in model.waiting if model.place[r] == model.place[run]]
            assert queue[0] == run, "each queue keeps its order"
            older = [r for r in model.waiting if model.place[r][0] == org and model.may_go(r)]
            assert older[0] == run, "the oldest of those with room"
            self.take_turn(org)
            del model.waiting[run]
            model.running.add(run)
        if self.table.goes_on():
            self.absorb(self.table.feed(AdmissionContinued()))

    def take_turn(self, org: str) -> None:
        """No other organisation that could have gone was passed over twice for this one."""
        admissible = {self.model.place[run][0] for run in self.model.waiting if self.model.may_go(run)}
        for other in ORGS:
            passed = self.since.setdefault(other, {})
            if other == org or other not in admissible:
                passed.clear()
            else:
                passed[org] = passed.get(org, 0) + 1
                assert passed[org] <= 1, f"{org} had two turns while {other} waited for one"

    @rule(org=st.sampled_from(ORGS), flow=st.sampled_from(FLOWS), project=st.sampled_from(PROJECTS))
    def ask(self, org, flow, project):
        run = f"r{self.count}"
        self.count += 1
        self.model.place[run] = org, flow, project
        self.model.waiting[run] = None
        self.absorb(self.table.ask(run, org, flow, project))

    @precondition(lambda self: self.model.place)
    @rule(data=st.data())
    def ask_again(self, data):
        run = data.draw(st.sampled_from(sorted(self.model.place)))
        told = self.table.ask(run, *self.model.place[run])
        assert run not in told or run in self.model.running
        self.absorb(told)

    @precondition(lambda self: self.model.running)
    @rule(data=st.data())
    def end(self, data):
        self.release(data.draw(st.sampled_from(sorted(self.model.running))))

    @precondition(lambda self: self.model.waiting)
    @rule(data=st.data())
    def leave(self, data):
        self.release(data.draw(st.sampled_from(sorted(self.model.waiting))))

    @precondition(lambda self: self.model.over)
    @rule(data=st.data())
    def end_again(self, data):
        run = data.draw(st.sampled_from(sorted(self.model.over)))
        assert self.table.release(run, *self.model.place[run][:2]) == []

    def release(self, run: str) -> None:
        model = self.model
        model.running.discard(run)
        model.waiting.pop(run, None)
        model.over.add(run)
        self.absorb(self.table.release(run, *model.place[run][:2]))

    @rule(org=st.sampled_from(ORGS), flow=st.sampled_from(FLOWS))
    def never_asked(self, org, flow):
        """A release comes before its question."""
        run = f"r{self.count}"
        self.count += 1
        self.model.place[run] = org, flow, ""
        self.model.over.add(run)
        assert self.table.release(run, org, flow) == []

    @rule(org=st.sampled_from(ORGS), flow=st.sampled_from(FLOWS), project=st.sampled_from(PROJECTS))
    def haunt(self, org, flow, project):
        """A ghost asks that is over and forgotten; when it is admitted, its run gives back."""
        self.ask(org, flow, project)
        run = f"r{self.count - 1}"
        if run in self.model.running:
            self.release(run)

    @rule(
        org=st.sampled_from(ORGS),
        most=st.none() | st.integers(0, 3),
        flow=st.none() | st.integers(0, 2),
        project=st.none() | st.integers(0, 2),
    )
    def limit(self, org, most, flow, project):
        self.version += 1
        flows = {} if flow is None else {"f": flow}
        projects = {} if project is None else {"p": project}
        self.model.limits[org] = most, flows, projects
        self.absorb(self.table.limit(most, self.version, org, projects, **flows))

    @rule(size=st.integers(0, 4))
    def pool(self, size):
        self.model.pool = size
        self.absorb(self.table.pool(size))

    @rule()
    def forget(self):
        """What is over is forgotten; from then on it is a ghost."""
        self.table.expire()
        for run in self.model.over:
            self.model.place.pop(run, None)
        self.model.over.clear()

    @rule()
    def restore(self):
        """The table is folded again from its log, and told again is who runs: nothing changes by it."""
        assert self.table.again().snapshot() == self.table.snapshot()
        stored = MemoryState()
        for field, data in self.table.snapshot()[QUEUES].items():
            stored.put(QUEUES, field, self.table.fold.decode(QUEUES, field, data))
        words = [c.record for c in self.table.fold.outstanding(stored, QUEUES, 0)]
        assert {word.run_id for word in words if not isinstance(word, AdmissionContinued)} == self.model.running

    @invariant()
    def nobody_is_left_in_line(self):
        model = self.model
        if model.has_room():
            assert not any(model.may_go(run) for run in model.waiting)

    @invariant()
    def counts_are_exact(self):
        model, queues = self.model, self.table.queues
        assert (queues.pool.running, queues.pool.waiting) == (len(model.running), len(model.waiting))
        for org in ORGS:
            one = queues.organisation(org)
            waiting = [run for run in model.waiting if model.place[run][0] == org]
            assert (one.running, one.waiting) == (model.running_of(org), len(waiting))
            assert set(one.queues) == {queue_name(*model.place[run][1:]) for run in waiting}
            for flow in FLOWS:
                assert queues.running_of_workflow(org, flow) == model.running_of(org, flow)
            for project in PROJECTS[1:]:
                assert queues.running_of_project(org, project) == model.running_of(org, project=project)
            assert len(one.queues) == len(set(one.queues))
            assert one.in_rotation == (org in queues.pool.rotation)
        assert len(queues.pool.rotation) == len(set(queues.pool.rotation))

    def teardown(self):
        if not hasattr(self, "table"):
            return
        for org in ORGS:
            self.limit(org, 1, None, None)
        self.pool(1)
        for _ in range(DRAIN_MOST):
            if not self.model.running:
                break
            self.release(min(self.model.running))
        assert not self.model.waiting
        assert self.table.queues.pool.running == self.table.queues.pool.waiting == 0


@pytest.fixture(scope="module")
def two_at_once():
    """One record admits two, so that records that go on are common."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "MAX_AT_ONCE", 2)
        yield


class TestTurns(Turns.TestCase):
    """Limits hold, queues keep their order, turns are fair, and nobody is left in queue while there is room."""

    settings = settings(max_examples=60, stateful_step_count=50)


@pytest.mark.usefixtures("two_at_once")
class TestTurnsGoOn(Turns.TestCase):
    """The same, where a record seldom admits all that may go."""

    settings = settings(max_examples=60, stateful_step_count=50)
