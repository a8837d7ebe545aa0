"""Flow control: the gates that a run passes before it is admitted. Rules, whatever comes twice or late:

1. A run passes its gates in their order: ``debounce``, ``concurrency``, ``rate``. Behind the last it is admitted, or
   joins the queue of its workflow where its organisation has limits.
2. ``concurrency``: as many runs hold a key as its limit says. A run takes it when it passes and returns it when it is
   over, once. Others wait in a line in the order in which they came, are refused, or have the oldest run of the key
   canceled and wait for its end.
3. ``rate``: a start is remembered for ``per_ms``, and no more than the limit are remembered. Others wait for the
   oldest to be forgotten, or are refused.
4. ``debounce``: one run of a key waits. One that was submitted after it takes its place and its key waits for
   ``period_ms`` more, at most ``max_wait_ms`` since the first; the other one ends. When the time is over it passes.
5. The limit of a key is that of the newest version of the workflow that was seen. No run waits while there is room.
6. A run that flow control ends is asked to cancel, with a code and the run for which it ends. It keeps what it holds
   until it is over, so that its place is never given twice.

A run holds keys while it waits at a later gate. Gates have one order for all runs of a workflow, and a run that is
admitted waits for no gate, so no two runs wait for each other.
"""

from msgspec.structs import replace

from schemas.metrics import ADMISSION_DELAY_SECONDS, FLOW_DECISIONS_TOTAL
from schemas.records.admissions import AdmissionAsked, FlowDue
from schemas.records.flow import FlowGate
from schemas.tables.admissions import QUEUES, Ticket, queue_name
from schemas.tables.flow import FlowEnd, FlowKey, FlowRun, flow_run_field, key_timer
from streams.core.admissions.flow_ends import (
    admitted,
    cancel,
    debounced,
    outstanding_of,
    refused,
    superseded,
)
from streams.core.admissions.keys import FlowKeys
from streams.core.admissions.queue import AdmissionQueues
from streams.core.commands import Arm, Command, Count, Disarm, Emit, Observe
from streams.core.state import State

#: A raised limit may let thousands through; more at once would delay the records behind it.
MAX_AT_ONCE = 1_000


class FlowControl:
    """The moves of one organisation's runs during one event. ``commands`` collects what is to be done."""

    def __init__(self, state: State, queues: AdmissionQueues, org_id: str, now_ms: int, offset: int) -> None:
        self.commands: list[Command] = []
        self._state = state
        self._queues = queues
        self._org_id = org_id
        self._now_ms = now_ms
        self._offset = offset
        self._keys = FlowKeys(state, org_id)
        self._let_through = 0

    # Events

    def ask(self, event: AdmissionAsked, project: str) -> None:
        """Let a new run pass as many gates as have room."""
        flow = event.flow
        if flow is None:
            return
        run = FlowRun(
            org_id=event.org_id,
            workflow=event.workflow_name,
            project=project,
            limited=event.limited,
            version=flow.version,
            gates=tuple(flow.gates),
            asked_ms=flow.submitted_at_ms,
            since=self._offset,
        )
        self._advance(event.run_id, run)
        for gate in run.gates:
            # Its workflow's version may have raised the limit for those that wait.
            self._let(gate.key)

    def ask_again(self, run_id: str, run: FlowRun) -> None:
        """Repeat what was decided on a run that is not over."""
        self.commands += map(Emit, outstanding_of(run_id, run))

    def release(self, run_id: str, run: FlowRun) -> None:
        """Return all that a run holds, and let others have it."""
        self._state.drop(QUEUES, flow_run_field(run_id))
        if run.passed == len(run.gates):
            if run.limited:
                self._queues.leave(self._org_id, queue_name(run.workflow, run.project), run.number)
        elif run.number >= 0:
            self._keys.leave(run.gates[run.passed].key, run.number)
        self._leave_members(run_id, run)
        held = [gate.key for gate in run.gates[: run.passed] if gate.kind == "concurrency"]
        for key in held:
            found = self._keys.get(key)
            self._keys.set(key, replace(found, held=found.held - 1))
        for key in held:
            self._let(key)

    def due(self, event: FlowDue) -> None:
        """Look at a key again: its time is over, or there is more to let through."""
        now_ms = self._now_ms = max(self._now_ms, event.due_ms)
        key = self._keys.get(event.key)
        if key.kind == "debounce":
            if key.members and key.due_ms <= now_ms:
                run_id = key.members[0]
                self._keys.set(event.key, replace(key, members=(), due_ms=0))
                self._pass(run_id)
        else:
            if key.due_ms <= now_ms:
                self._keys.set(event.key, replace(key, due_ms=0))
            self._let(event.key)
        # The engine forgets a timer whose record it folds, also one that was armed again since.
        if due_ms := self._keys.get(event.key).due_ms:
            self._arm(event.key, due_ms)

    # Gates

    def _advance(self, run_id: str, run: FlowRun) -> None:
        """Let a run pass what it can; its entry is written."""
        while run.passed < len(run.gates):
            gate = run.gates[run.passed]
            stays = self._enter(run_id, run, gate)
            if stays is not None:
                self._state.put(QUEUES, flow_run_field(run_id), stays)
                return
            run = replace(run, passed=run.passed + 1, number=-1)
        if run.limited:
            ticket = Ticket(run_id, run.asked_ms, self._offset)
            run = replace(run, number=self._queues.append(self._org_id, queue_name(run.workflow, run.project), ticket))
        else:
            self.commands.append(Emit(admitted(run_id, run)))
            waited_s = max(0, self._now_ms - run.asked_ms) / 1000
            self.commands.append(Observe(ADMISSION_DELAY_SECONDS, waited_s, (("workflow", run.workflow),)))
        self._state.put(QUEUES, flow_run_field(run_id), run)

    def _pass(self, run_id: str) -> None:
        """Let a run pass the gate at which it waited."""
        run = self._state.get(QUEUES, flow_run_field(run_id))
        if run is not None:
            self._advance(run_id, replace(run, passed=run.passed + 1, number=-1))

    def _enter(self, run_id: str, run: FlowRun, gate: FlowGate) -> FlowRun | None:
        """Return the run as it stays at a gate, ``None`` if it passes."""
        if gate.kind == "debounce":
            return self._delay(run_id, run, gate)
        return self._hold(run_id, run, gate) if gate.kind == "concurrency" else self._pace(run_id, run, gate)

    def _delay(self, run_id: str, run: FlowRun, gate: FlowGate) -> FlowRun:
        key = self._keys.get(gate.key)
        since_ms = key.since_ms if key.members else self._now_ms
        due_ms = self._now_ms + gate.period_ms
        if gate.max_wait_ms is not None:
            due_ms = min(due_ms, since_ms + gate.max_wait_ms)
        if key.members:
            other = self._state.get(QUEUES, flow_run_field(key.members[0]))
            if other is not None and other.asked_ms > run.asked_ms:
                return self._ended(run_id, run, debounced(gate, key.members[0]))
        waits = FlowKey(kind="debounce", due_ms=due_ms, since_ms=since_ms, members=(run_id,))
        self._keys.set(gate.key, waits)
        self._arm(gate.key, due_ms)
        if key.members:
            self._end(key.members[0], debounced(gate, run_id))
        return run

    def _hold(self, run_id: str, run: FlowRun, gate: FlowGate) -> FlowRun | None:
        key = self._renewed(run, gate)
        oldest_goes = gate.on_excess == "cancel_oldest"
        if oldest_goes:
            key = replace(key, members=(*key.members, run_id))
        if not key.waiting and key.held < key.limit:
            self._keys.set(gate.key, replace(key, held=key.held + 1))
            return None
        if gate.on_excess == "reject":
            self._keys.set(gate.key, key)
            return self._ended(run_id, run, refused(gate, key))
        self._keys.set(gate.key, key)
        self._count("queued")
        run = replace(run, number=self._keys.append(gate.key, run_id))
        if oldest_goes and len(key.members) > key.limit:
            self._end(key.members[0], superseded(gate, key, run_id))
        return run

    def _pace(self, run_id: str, run: FlowRun, gate: FlowGate) -> FlowRun | None:
        key = self._keys.forget_starts(gate.key, self._renewed(run, gate), self._now_ms)
        if not key.waiting and _has_room(key):
            self._keys.start(gate.key, key, self._now_ms)
            self._arm_rate(gate.key)
            return None
        if gate.on_excess == "reject":
            return self._ended(run_id, run, refused(gate, key))
        self._count("queued")
        number = self._keys.append(gate.key, run_id)
        self._arm_rate(gate.key)
        return replace(run, number=number)

    def _renewed(self, run: FlowRun, gate: FlowGate) -> FlowKey:
        key = self._keys.get(gate.key)
        if run.version < key.version:
            return key
        return replace(key, kind=gate.kind, version=run.version, limit=gate.limit, per_ms=gate.per_ms)

    def _let(self, name: str) -> None:
        """Let the first of a line through while their key has room."""
        key = self._keys.get(name)
        if key.kind == "rate":
            key = self._keys.forget_starts(name, key, self._now_ms)
        while key.waiting and _has_room(key):
            if self._let_through == MAX_AT_ONCE:
                self.commands.append(Emit(FlowDue(org_id=self._org_id, key=name)))
                break
            self._let_through += 1
            run_id, key = self._keys.pop(name, key)
            if key.kind == "rate":
                self._keys.start(name, key, self._now_ms)
            else:
                self._keys.set(name, replace(key, held=key.held + 1))
            self._pass(run_id)
            key = self._keys.get(name)
        if key.kind == "rate":
            self._arm_rate(name)

    # Ends

    def _ended(self, run_id: str, run: FlowRun, end: FlowEnd) -> FlowRun:
        """Ask a run to end; return it as it is kept until it is over."""
        self.commands.append(Emit(cancel(run_id, run, end)))
        self._count(end.code)
        if run.number >= 0 and run.passed < len(run.gates):
            self._keys.leave(run.gates[run.passed].key, run.number)
            run = replace(run, number=-1)
        self._leave_members(run_id, run)
        return replace(run, end=end)

    def _end(self, run_id: str, end: FlowEnd) -> None:
        run = self._state.get(QUEUES, flow_run_field(run_id))
        if run is not None and run.end is None:
            self._state.put(QUEUES, flow_run_field(run_id), self._ended(run_id, run, end))

    def _leave_members(self, run_id: str, run: FlowRun) -> None:
        for gate in run.gates[: run.passed + 1]:
            key = self._keys.get(gate.key)
            if run_id not in key.members:
                continue
            left = replace(key, members=tuple(one for one in key.members if one != run_id))
            if key.kind == "debounce":
                left = replace(left, due_ms=0)
                self.commands.append(Disarm(QUEUES, key_timer(self._org_id, gate.key)))
            self._keys.set(gate.key, left)

    # Timers and counts

    def _arm_rate(self, name: str) -> None:
        """Wake up when the oldest start is forgotten for those that wait, else when the last one is."""
        key = self._keys.get(name)
        if key.first == key.last:
            return
        due_ms = self._keys.started_ms(name, key.first if key.waiting else key.last - 1) + key.per_ms
        if not key.due_ms or due_ms < key.due_ms:
            self._keys.set(name, replace(key, due_ms=due_ms))
            self._arm(name, due_ms)

    def _arm(self, name: str, due_ms: int) -> None:
        self.commands.append(Arm(QUEUES, key_timer(self._org_id, name), due_ms))

    def _count(self, decision: str) -> None:
        self.commands.append(Count(FLOW_DECISIONS_TOTAL, (("decision", decision),)))


def _has_room(key: FlowKey) -> bool:
    return (key.last - key.first if key.kind == "rate" else key.held) < key.limit
