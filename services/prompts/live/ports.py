"""What live scoring asks and writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.kafka.deadline_appender import Appender
from connectors.objects.store import Objects
from connectors.postgres.history.runs import StoredRun, StoredStep
from connectors.postgres.live_scores import DueRun, LiveScore
from connectors.postgres.prompts.scoring import ScoringPolicy
from connectors.redis.shadow_answers import ShadowAnswer
from schemas import clock
from schemas.records.run_events import Capture
from schemas.spec.model import ResolvedSpec
from services.prompts.live.judging import Judging


class Policies(Protocol):
    """Where policies are, see ``connectors.postgres.prompts.scoring``."""

    async def of_org(self, org_id: str) -> Mapping[str, ScoringPolicy]:
        """Return the policies of an organisation, by prompt. Raises ``Unavailable``."""
        ...


class Store(Protocol):
    """Where runs are due and scores are stored, see ``connectors.postgres.live_scores``. All raise ``Unavailable``."""

    async def lease(self, lease_s: float, limit: int) -> Sequence[DueRun]:
        """Return runs that are due, and nobody else has."""
        ...

    async def add(self, org_id: str, scores: Sequence[LiveScore]) -> None:
        """Store scores. One that is there stays as it is."""
        ...

    async def of_run(self, org_id: str, run_id: str) -> Sequence[LiveScore]:
        """Return the scores of a run's answers."""
        ...

    async def settle(self, due: DueRun) -> None:
        """Let a run be due no more."""
        ...


class History(Protocol):
    """Where runs are, see ``connectors.postgres.history.runs``."""

    async def get(
        self, org_id: str, run_id: str, *, step_outputs: bool = False
    ) -> tuple[StoredRun, list[StoredStep]] | None:
        """Return a run and its steps, ``None`` for an unknown one. Raises ``Unavailable``."""
        ...


class Definitions(Protocol):
    """Where definitions are, see ``services.workflows.of_run``."""

    async def of(self, org_id: str, run: StoredRun) -> ResolvedSpec | None:
        """Return the definition of a run, ``None`` where it is gone. Raises ``Unavailable``."""
        ...


class ShadowSource(Protocol):
    """Where answers of shadows are, see ``connectors.redis.shadow_answers``."""

    async def find(self, org_id: str, request_id: str) -> ShadowAnswer | None:
        """Return the answer of an attempt, ``None`` if it is not there. Raises ``Unavailable``."""
        ...


class Counted(Protocol):
    """Counts what became of answers and scorers."""

    def __call__(self, outcome: str) -> None:
        """Count one: ``scored``, ``failed``, ``asked`` (of a judge), ``hidden`` (``CAPTURE``), ``gone`` (a run)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePorts:
    """What live scoring asks and writes.

    ``capture`` is that of the installation. ``shadows`` has answers that were shown to nobody. Without ``judging`` no
    judge is asked.
    """

    policies: Policies
    store: Store
    history: History
    definitions: Definitions
    objects: Objects
    appender: Appender
    count: Counted
    capture: Capture = "full"
    shadows: ShadowSource | None = None
    judging: Judging | None = None
    now_ms: Callable[[], int] = clock.now_ms
