"""``Session``: folds the records of one run in order, one at a time, and keeps what each of them decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schemas.payload import Payload
from schemas.records.control import KeyReleased
from schemas.records.run_events import RunEvent, RunSubmitted, StepFailed, StepSucceeded
from schemas.records.run_views import RunView, StepView
from schemas.records.steps import StepRequest
from schemas.tables.runs import SPEC, spec_entity
from streams.core.commands import Command, Emit
from streams.core.memory import MemoryState
from streams.core.replay.records import Recorded, chained
from streams.core.runs.fold import RunFold
from streams.core.runs.plan.model import Plan
from streams.core.runs.requests.chained import next_request

_MOST_PLANS = 256
_plans: dict[str, Plan] = {}

Outcome = StepSucceeded | StepFailed
Attempt = tuple[str, int]
"""The id of a step and the number of an attempt."""


@dataclass(slots=True)
class Decided:
    """What a record made the fold do. ``request`` is what the attempt was asked whose outcome the record is.

    ``fault`` is what the fold raised: live, the run's key was quarantined there.
    """

    recorded: Recorded
    commands: list[Command] = field(default_factory=list)
    request: StepRequest | None = None
    fault: Exception | None = None


class Session:
    """One run that is folded again. Nothing leaves it: commands are returned, never done.

    ``chain_steps`` must be what the orchestrator had, see ``records.chained``. ``view``, ``output`` and ``steps`` are
    the run as a reader saw it by now, ``versions`` the place of each step's last change. ``asked`` are all attempts
    that were requested of workers, in order, and ``open`` the requests of those without an outcome.
    """

    def __init__(self, run_id: str, *, chain_steps: bool = False) -> None:
        self.run_id = run_id
        self.state = MemoryState()
        self.view: RunView | None = None
        self.output: dict[str, Payload] = {}
        self.steps: dict[str, StepView] = {}
        self.versions: dict[str, int] = {}
        self.open: dict[Attempt, StepRequest] = {}
        self.asked: list[Attempt] = []
        self._fold = RunFold(chain_steps=chain_steps)
        self._waiting: list[Recorded] = []
        self._quarantined = False

    def feed(self, recorded: Recorded) -> list[Decided]:
        """Fold one record; return what it decided, and what the records did that had waited for it.

        A record that makes the fold raise sets the run aside, as it does live, until an operator released its key.
        """
        if isinstance(recorded.event, KeyReleased):
            return self._released(recorded)
        if self._quarantined:
            self._waiting.append(recorded)
            return [Decided(recorded)]
        return [self._folded(recorded, recorded.event, recorded.offset)]

    def run(self, records: Iterable[Recorded]) -> list[Decided]:
        """Fold records to the end."""
        return [decided for one in records for decided in self.feed(one)]

    def _released(self, recorded: Recorded) -> list[Decided]:
        self._quarantined = False
        waiting, self._waiting = self._waiting, []
        return [Decided(recorded), *(decided for one in waiting for decided in self._again(one, recorded.at_ms))]

    def _again(self, waited: Recorded, at_ms: int) -> list[Decided]:
        # What waited is folded at the clock of the release.
        return self.feed(waited._replace(at_ms=max(waited.at_ms, at_ms)))

    def _folded(self, recorded: Recorded, event: RunEvent, offset: int) -> Decided:
        decided = Decided(recorded)
        if isinstance(event, StepSucceeded | StepFailed):
            decided.request = self._answered(event, recorded.at_ms)
        if isinstance(event, RunSubmitted):
            self._begin(event)
        try:
            decided.commands = self._fold.fold(self.state, event, recorded.at_ms, offset)
        except Exception as exc:  # noqa: BLE001 - live, whatever a fold raises costs the key, and here the replay
            decided.fault = exc
            self._quarantined = True
            self._waiting.append(recorded)
            return decided
        if isinstance(event, RunSubmitted):
            self._keep_plan(event)
        for command in decided.commands:
            if isinstance(command, Emit):
                self._emitted(command)
        return decided

    def _begin(self, event: RunSubmitted) -> None:
        """Let replays of one definition share its plan, as its runs do in a table.

        Only the very object that a fold has proved counts: records with the same bytes share it.
        """
        known = _plans.get(event.spec.hash)
        if known is not None and known.resolved is event.spec:
            self.state.put(spec_entity(event.spec.hash), SPEC, known)

    def _keep_plan(self, event: RunSubmitted) -> None:
        plan = self.state.get(spec_entity(event.spec.hash), SPEC)
        if plan is not None:
            if len(_plans) >= _MOST_PLANS:
                _plans.clear()
            _plans[event.spec.hash] = plan

    def _answered(self, event: Outcome, now_ms: int) -> StepRequest | None:
        request = self.open.pop((event.step_id, event.attempt), None)
        if request is None or not isinstance(event, StepSucceeded) or event.chain != "continues":
            return request
        # The worker continues unasked, so the request of the next step is in no record: it is made as the worker does.
        following = next_request(request, event.output, event.cost_nano, now_ms)
        if following is not None:
            self._ask(following)
        return request

    def _emitted(self, command: Emit) -> None:
        record = command.record
        if isinstance(record, StepRequest):
            self._ask(record)
        elif isinstance(record, RunView) and record.run_id == self.run_id:
            self._see(record)

    def _ask(self, request: StepRequest) -> None:
        self.asked.append((request.step_id, request.attempt))
        self.open[request.step_id, request.attempt] = request

    def _see(self, view: RunView) -> None:
        if view.output is not None:
            self.output = dict(view.output)
        self.view = view
        for step in view.steps:
            self.steps[step.step_id] = step
            self.versions[step.step_id] = view.version


def decided_by(run_id: str, records: Sequence[Recorded]) -> list[Decided]:
    """Return what each record of a run decided."""
    return Session(run_id, chain_steps=chained(records)).run(records)
