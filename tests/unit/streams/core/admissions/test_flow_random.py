"""Random runs, gates and times under repeated and late records: what must hold of flow control in all of them."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.records.admissions import FlowDue
from schemas.records.flow import FlowGate
from schemas.records.run_events import CancelRequested, RunAdmitted
from schemas.tables.admissions import POOL, QUEUES
from streams.core.admissions import flow as flow_module
from streams.core.memory import MemoryState
from tests.support.flow import FlowTable, concurrency, debounce, rate

LIMITS = {"x": 1, "y": 2, "z": 3}
PERIOD_MS = 1_000
KEYS = sorted(LIMITS)
#: More than these few runs can need, so that a run that is never admitted is found and not waited for.
DRAIN_MOST = 500

_HOLDS = st.builds(lambda key: concurrency(key, LIMITS[key]), st.sampled_from(KEYS))
_REFUSES = st.builds(lambda key: concurrency(f"{key}r", LIMITS[key], "reject"), st.sampled_from(KEYS))
_REPLACES = st.builds(lambda key: concurrency(f"{key}o", LIMITS[key], "cancel_oldest"), st.sampled_from(KEYS))
_PACES = st.builds(lambda key: rate(key, LIMITS[key], PERIOD_MS), st.sampled_from(KEYS))
_DELAYS = st.builds(lambda key, most: debounce(key, 300, most), st.sampled_from("xy"), st.sampled_from((None, 700)))
_ALL = concurrency("all", 3, rule="")
_HOLD_X, _REPLACE_X = concurrency("x", LIMITS["x"]), concurrency("xo", LIMITS["x"], "cancel_oldest")
_PACE_X, _DELAY_X = rate("x", LIMITS["x"], PERIOD_MS), debounce("x", 300, 700)
_GATES = st.tuples(
    st.lists(_DELAYS, max_size=1),
    st.lists(_HOLDS | _REFUSES | _REPLACES, max_size=1),
    st.sampled_from(([], [], [_ALL])),
    st.lists(_PACES, max_size=1),
).map(lambda parts: tuple(gate for part in parts for gate in part))


class Flows(RuleBasedStateMachine):
    """The table under anything that may happen to it."""

    @initialize(most=st.none() | st.integers(1, 4))
    def begin(self, most):
        self.table = FlowTable()
        self.count = 0
        self.gates: dict[str, tuple[FlowGate, ...]] = {}
        self.limited: dict[str, bool] = {}
        self.running: dict[str, None] = {}
        self.over: set[str] = set()
        self.starts: list[tuple[str, int]] = []
        self.most = most
        self.seen = 0
        if most is not None:
            self.table.limit(most)

    def absorb(self) -> None:
        """Take in who was admitted since, and check it."""
        # Times of admissions that timers brought are checked by the log, where each has its own.
        at_ms = self.admitted_at()
        for run in self.table.told[self.seen :]:
            if run in self.running or run in self.over:
                continue
            assert run not in self.starts_by_run(), f"{run} was admitted twice"
            self.running[run] = None
            self.starts.append((run, at_ms[run]))
        self.seen = len(self.table.told)

    def starts_by_run(self) -> dict[str, int]:
        return dict(self.starts)

    def admitted_at(self) -> dict[str, int]:
        return self.table.admitted_ms

    def ask_with(self, gates: tuple[FlowGate, ...], *, limited: bool) -> None:
        run = f"r{self.count}"
        self.count += 1
        self.gates[run], self.limited[run] = gates, limited
        self.table.passes(run, *gates, limited=limited)
        self.absorb()

    @rule(gates=_GATES, limited=st.booleans(), count=st.integers(1, 4))
    def ask(self, gates, limited, count):
        for _ in range(count):
            self.ask_with(gates, limited=limited)

    @rule(kinds=st.lists(st.sampled_from((_HOLD_X, _REPLACE_X, _PACE_X, _DELAY_X, _ALL)), min_size=3, max_size=8))
    def ask_for_few_keys(self, kinds):
        for gate in kinds:
            self.ask_with((gate,), limited=False)

    @precondition(lambda self: self.gates)
    @rule(data=st.data())
    def ask_again(self, data):
        run = data.draw(st.sampled_from(sorted(self.gates)))
        told = self.table.passes(run, *self.gates[run], limited=self.limited[run])
        assert run not in told or run in self.running
        self.absorb()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data):
        self.release(data.draw(st.sampled_from(sorted(self.running))))

    @precondition(lambda self: len(self.gates) > len(self.over))
    @rule(data=st.data())
    def leave(self, data):
        self.release(data.draw(st.sampled_from(sorted(self.gates.keys() - self.over))))

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def end_again(self, data):
        assert self.table.release(data.draw(st.sampled_from(sorted(self.over)))) == []

    @precondition(lambda self: self.table.ended)
    @rule()
    def hear(self):
        """Runs that were asked to end do so."""
        for run in self.table.ends():
            if run not in self.over:
                self.release(run)

    def release(self, run: str) -> None:
        self.running.pop(run, None)
        self.over.add(run)
        self.table.release(run)
        self.absorb()

    @rule(ms=st.integers(1, 1_500))
    def pass_time(self, ms):
        self.table.pass_time(ms)
        self.absorb()

    @precondition(lambda self: any(isinstance(event, FlowDue) for event, _ in self.table.log))
    @rule(data=st.data())
    def fire_again(self, data):
        dues = [event for event, _ in self.table.log if isinstance(event, FlowDue)]
        self.table.feed(data.draw(st.sampled_from(dues)))
        self.absorb()

    @rule()
    def restore(self):
        """The table is folded again from its log, and its decisions are told again: nothing changes by it."""
        assert self.table.again().snapshot() == self.table.snapshot()
        stored = MemoryState()
        for field, data in self.table.snapshot()[QUEUES].items():
            stored.put(QUEUES, field, self.table.fold.decode(QUEUES, field, data))
        records = [command.record for command in self.table.fold.outstanding(stored, QUEUES, 0)]
        ending = self.table.ends().keys() - self.over
        told = {one.run_id for one in records if isinstance(one, RunAdmitted)}
        assert told | ending >= self.running.keys()
        assert told <= self.running.keys()
        assert {one.run_id for one in records if isinstance(one, CancelRequested)} == ending

    @invariant()
    def no_more_hold_a_key_than_may(self):
        held = Counter(gate.key for run in self.running for gate in self.gates[run] if gate.kind == "concurrency")
        limits = {gate.key: gate.limit for gates in self.gates.values() for gate in gates}
        assert all(count <= limits[key] for key, count in held.items())
        if self.most is not None:
            assert sum(self.limited[run] for run in self.running) <= self.most

    @invariant()
    def no_more_start_in_a_period_than_may(self):
        for key, limit in LIMITS.items():
            times = [ms for run, ms in self.starts if not self.limited[run] and rate(key, limit) in self.gates[run]]
            assert all(late - early >= PERIOD_MS for early, late in zip(times, times[limit:], strict=False))

    @invariant()
    def runs_of_equal_gates_keep_their_order(self):
        order: dict[object, list[int]] = {}
        for run, _ in self.starts:
            order.setdefault((self.gates[run], self.limited[run]), []).append(int(run[1:]))
        assert all(numbers == sorted(numbers) for numbers in order.values())

    @invariant()
    def nobody_waits_while_there_is_room(self):
        ending = self.table.ends().keys()
        alive = self.gates.keys() - self.over
        waiting = {
            run for run in alive - self.running.keys() - ending if not self.limited[run] and len(self.gates[run]) == 1
        }
        # Those that may hold a key while they wait at a later gate.
        held = Counter(gate.key for run in alive - waiting for gate in self.gates[run] if gate.kind == "concurrency")
        for run in waiting:
            (gate,) = self.gates[run]
            assert gate.kind != "concurrency" or held[gate.key] >= gate.limit, f"{run} waits for nobody"

    @invariant()
    def timers_are_those_of_the_entries(self):
        assert self.table.stored_timers() == self.table.timers

    def teardown(self):
        if not hasattr(self, "table"):
            return
        for _ in range(DRAIN_MOST):
            self.hear()
            if not self.running and self.gates.keys() == self.over and not self.table.timers:
                break
            if self.running:
                self.release(min(self.running, key=lambda run: int(run[1:])))
            self.pass_time(PERIOD_MS)
        assert self.gates.keys() == self.over, "everyone was admitted or ended"
        left = {field for field in self.table.snapshot()[QUEUES] if field != POOL and not field.startswith("l:")}
        assert left == set()
        assert self.table.timers == {}


class TestFlows(Flows.TestCase):
    """Keys hold, rates hold, lines keep their order, and nobody is left in one while there is room."""

    settings = settings(max_examples=80, stateful_step_count=40)


@pytest.fixture(scope="module")
def one_at_once():
    """A record lets one through, so that records that go on are common."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow_module, "MAX_AT_ONCE", 1)
        yield


@pytest.mark.usefixtures("one_at_once")
class TestFlowsGoOn(Flows.TestCase):
    """The same, where a record seldom lets all through that may go."""

    settings = settings(max_examples=60, stateful_step_count=40)
