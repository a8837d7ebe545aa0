"""One record's work on one rollout: the head as it is now, and the decision that the record brings, if any."""

from msgspec import structs

from schemas.metrics import DEPLOYMENT_DECISIONS_TOTAL
from schemas.records.rollouts.deployments import DeploymentDecided, DeploymentEvent
from schemas.rollouts.comparison import Difference, compared
from schemas.rollouts.looks import Verdict, numbers_of, rounded
from schemas.rollouts.plan import Metric
from schemas.tables.deployments import DECIDED, HEAD, Head, pending_field, rollout_entity, sums_field
from streams.core.commands import Command, Count, Emit
from streams.core.deployments.events import event_of
from streams.core.state import State


class DeploymentChanges:
    """What a record does to a rollout. ``head`` is written once, by ``done``."""

    def __init__(self, state: State, event: DeploymentEvent, head: Head, now_ms: int) -> None:
        self.state = state
        self.entity = rollout_entity(event.rollout)
        self.head = head
        self.now_ms = now_ms
        self._event = event
        self._commands: list[Command] = []
        self._found: dict[Metric, Difference | None] = {}

    def found(self, metric: Metric) -> Difference | None:
        """Return a metric's difference as of the sums in the table."""
        if metric not in self._found:
            steps = (self.state.get(self.entity, sums_field(metric, at)) for at in range(len(self.head.plan.steps)))
            pairs = (pair for pair in steps if pair is not None)
            self._found[metric] = compared(metric, pairs, clustered=self.head.plan.sticky)
        return self._found[metric]

    def differences(self) -> dict[Metric, Difference | None]:
        """Return the differences of all metrics that the plan judges."""
        return {metric: self.found(metric) for metric in self.head.plan.rules}

    def changed(self, *metrics: Metric) -> None:
        """Say that the sums of these metrics are others now."""
        for metric in metrics:
            self._found.pop(metric, None)

    def decide(self, verdict: Verdict, by: str = "") -> None:
        """Make a verdict the state of the rollout, and emit it with its numbers. What is over waits for nothing."""
        head = self.head
        moved = verdict.step != head.step
        self.head = head = structs.replace(
            head,
            status=verdict.status,
            step=verdict.step,
            step_ms=self.now_ms if moved else head.step_ms,
            number=head.number + 1,
        )
        if verdict.status != "running":
            for number in range(head.scores_at, head.next):
                self.state.drop(self.entity, pending_field(number))
        decided = self._record(verdict, by)
        self.state.put(self.entity, DECIDED, decided)
        self._commands += [Emit(decided), Emit(event_of(decided))]
        self._commands.append(Count(DEPLOYMENT_DECISIONS_TOTAL, (("decision", verdict.status),)))

    def override(self, verdict: Verdict, by: str) -> None:
        """Decide by hand: no later look changes it."""
        self.head = structs.replace(self.head, by_hand=True)
        self.decide(verdict, by)

    def done(self) -> list[Command]:
        """Write the head, and return the commands."""
        self.state.put(self.entity, HEAD, self.head)
        return self._commands

    def _record(self, verdict: Verdict, by: str) -> DeploymentDecided:
        head, event, found = self.head, self._event, self.differences()
        return DeploymentDecided(
            org_id=event.org_id,
            prompt=event.prompt,
            environment=event.environment,
            deployment_id=head.deployment_id,
            number=head.number,
            status=verdict.status,
            step=verdict.step,
            ratio=head.plan.ratio(verdict.step),
            reason=verdict.reason,
            stable_version=head.stable_version,
            canary_version=head.canary_version,
            plan=head.plan,
            by=by,
            at_ms=self.now_ms,
            runs=head.outcomes_at,
            stable_units=sum(units.stable for units in head.units),
            canary_units=sum(units.canary for units in head.units),
            brake=rounded(head.brake),
            ratio_alarm=rounded(head.ratio_alarm),
            metrics=numbers_of(head.plan, found),
        )
