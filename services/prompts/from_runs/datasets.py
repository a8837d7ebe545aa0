"""Makes datasets of production runs.

    find ──> audit ──> store

The audit log has what a policy decided on the rows before they are anywhere. What fails before the last step leaves no
dataset.
"""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.datasets import Datasets, DatasetVersion
from schemas import clock
from schemas.ids import canonical_hash
from schemas.records.definitions import AuditEvent
from services.prompts.from_runs.cases import CasesOfRuns, FoundCases, WantedSteps
from topics.catalogue import AUDIT_EVENTS
from topics.codec import encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The dataset that is made: whose, its name, who makes it and why."""

    org_id: str
    name: str
    author: str
    message: str = ""


class DatasetsOfRuns:
    """Stores cases of runs as versions of datasets."""

    def __init__(
        self, cases: CasesOfRuns, datasets: Datasets, appender: Appender, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        self._cases = cases
        self._datasets = datasets
        self._appender = appender
        self._now_ms = now_ms

    async def make(self, named: Named, wanted: WantedSteps) -> tuple[DatasetVersion, bool, FoundCases]:
        """Return the version, whether it is new, and what was found. Raises as ``CasesOfRuns.find`` does."""
        found = await self._cases.find(named.org_id, wanted)
        if found.decisions:
            event = self._event(named, found)
            await self._appender.append([OutRecord(AUDIT_EVENTS, named.org_id.encode(), encode(event))])
        stored, new = await self._datasets.create(
            named.org_id, named.name, found.cases, author=named.author, message=named.message
        )
        return stored, new, found

    def _event(self, named: Named, found: FoundCases) -> AuditEvent:
        taken = {kind: count for kinds in found.redacted.values() for kind, count in kinds.items()}
        unique = canonical_hash([named.name, [case.id for case in found.cases], self._now_ms()])[:32]
        return AuditEvent(
            event_id=f"dataset:{named.org_id}:{unique}",
            org_id=named.org_id,
            actor=named.author,
            action="dataset",
            subject=named.name,
            decision="allowed",
            at_ms=self._now_ms(),
            kind="decisions",
            policy=found.policy,
            decisions=list(found.decisions),
            details={kind: str(count) for kind, count in sorted(taken.items())},
        )
