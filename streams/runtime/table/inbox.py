"""How an engine opens its input records: bytes to events, the key that they belong to, the timer that fired."""

from typing import Any, Protocol, get_args

from connectors.ports.engine import InRecord, timer_member
from schemas.errors import Undecodable
from schemas.records.admissions import (
    EVERYBODY,
    AdmissionAsked,
    AdmissionContinued,
    AdmissionReleased,
    FlowDue,
    LimitsSet,
    PoolSet,
)
from schemas.records.budgets import BudgetEvent
from schemas.records.control import KeyReleased
from schemas.records.money import CallStarted, CostEvent
from schemas.records.quality import AnswerScored
from schemas.records.rollouts.deployments import (
    DeploymentOverridden,
    DeploymentStarted,
    DeploymentStepped,
    RunAssigned,
    RunOutcome,
    RunScored,
)
from schemas.records.routes import RouteOutcome, RouteScored
from schemas.records.run_caps import RunCapEvent
from schemas.records.run_events import TimerFired
from schemas.records.timers import timer_id
from schemas.tables.admissions import QUEUES
from schemas.tables.flow import key_timer
from topics.codec import decode

_OF_ORGANISATION = frozenset(
    {
        *(CostEvent, CallStarted, *get_args(BudgetEvent), *get_args(RunCapEvent)),
        *(AdmissionAsked, AdmissionReleased, LimitsSet, FlowDue),
    }
)
_OF_EVERYBODY = frozenset({PoolSet, AdmissionContinued})
_OF_GROUP = frozenset({RouteOutcome, RouteScored, AnswerScored})
_OF_ROLLOUT = frozenset(
    {DeploymentStarted, DeploymentStepped, DeploymentOverridden, RunAssigned, RunOutcome, RunScored}
)


class Inbox(Protocol):
    """The reading side of a table's input topic. Pure."""

    def open(self, record: InRecord) -> Any:
        """Return a record's event. Raises ``BadRecord`` (dead-letter it) or ``NewerMajor`` (pause)."""
        ...

    def key(self, event: Any) -> str:
        """Return the key whose order must be kept, which is also what a failing fold quarantines."""
        ...

    def timer(self, event: Any) -> str | None:
        """Return the name of the timer that the event says has fired, if it is one."""
        ...


class CatalogueInbox:
    """Opens records of the topics that tables read: runs, costs, admissions, outcomes, scores."""

    def open(self, record: InRecord) -> Any:
        """Decode a record and check that it came under its own key, else it would fold on the wrong partition."""
        event = decode(record.topic, record.value)
        key = self.key(event)
        if record.key is None:
            raise Undecodable("key", f"a record without a key; its key must be {key!r}")
        if record.key != key.encode():
            raise Undecodable("key", f"the record's key is {record.key[:80]!r}, but it speaks of {key!r}")
        return event

    def key(self, event: Any) -> str:
        """Return the organisation of money or an admission, an arm group or a prompt, a rollout, or else the run."""
        kind = type(event)
        if kind in _OF_ORGANISATION:
            return str(event.org_id)
        if kind in _OF_EVERYBODY:
            return EVERYBODY
        if kind in _OF_GROUP:
            return str(event.group)
        if kind in _OF_ROLLOUT:
            return str(event.rollout)
        return str(event.key if kind is KeyReleased else event.run_id)

    def timer(self, event: Any) -> str | None:
        """Return the timer of a ``TimerFired``, or of a key of flow control."""
        if isinstance(event, FlowDue):
            return timer_member(QUEUES, key_timer(event.org_id, event.key))
        return timer_member(event.run_id, timer_id(event.timer)) if isinstance(event, TimerFired) else None
