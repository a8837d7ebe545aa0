"""A batch that this process has leased. Each change is stored before the work continues, and proves the lease."""

import logging
from typing import Any

from msgspec import structs
from pydantic import SecretStr

from connectors.providers.batching.port import BatchService, Job, Line
from schemas.batches import BatchItem, ProviderBatch, custom_id
from schemas.errors import StepError
from services.batches.ports import BatchPorts

logger = logging.getLogger(__name__)

#: An upload may take five minutes. A process that dies delays its batches by this.
LEASE_MS = 600_000
#: Characters of what a provider says of a batch.
MOST_PROBLEM = 2_000


class Leased:
    """A batch and what belongs to it. Every change raises ``LeaseLostError`` once another process has it."""

    def __init__(self, batch: ProviderBatch, ports: BatchPorts) -> None:
        self.batch = batch
        self._ports = ports

    @property
    def service(self) -> BatchService:
        """The provider's batch API. Raises a final ``StepError`` where this process has none."""
        provider = self.batch.group.provider
        found = self._ports.services.get(provider)
        if found is None:
            raise StepError(
                "unknown_provider", f"there is no batch API of {provider!r} here; give the role `batches` its key"
            )
        return found

    async def key(self) -> SecretStr | None:
        """Return the key that the batch is asked with; ``None`` for the environment's."""
        keys, group = self._ports.keys, self.batch.group
        return None if keys is None else await keys.of(group.org_id, group.provider)

    async def change(self, **changes: Any) -> None:
        """Store changes, and keep the lease."""
        until_ms = self._ports.clock.now_ms() + LEASE_MS
        self.batch = structs.replace(self.batch, leased_until_ms=until_ms, **changes)
        await self._ports.store.change(self.batch)

    async def leave(self, wait_ms: int, *, problem: str | None = None, **changes: Any) -> None:
        """Store changes, and give the lease back until it is due again. Without a ``problem`` the former one stays."""
        due_ms = self._ports.clock.now_ms() + wait_ms
        said = self.batch.problem if problem is None else problem[:MOST_PROBLEM]
        self.batch = structs.replace(self.batch, due_ms=due_ms, leased_until_ms=0, problem=said, **changes)
        await self._ports.store.change(self.batch)

    async def discard(self, *files: str) -> None:
        """Remove files at the provider, as far as it can be done now: what they hold is nobody's any more."""
        try:
            for file in filter(None, files):
                await self.service.discard(file, await self.key())
        except StepError as exc:
            logger.warning("files of %s stay at the provider: %s", self.batch.id, exc, extra={"action": "files_stay"})

    async def job(self, members: list[BatchItem]) -> Job:
        """Return the batch as it is sent. Raises ``Rejected`` when a question is gone."""
        lines = [
            Line(
                custom_id(self.batch.id, one.call_id),
                one.question.path,
                await self._ports.bodies.resolve(one.org_id, one.question.body),
            )
            for one in members
        ]
        return Job(self.batch.id, lines, await self.key())

    async def names(self, members: list[BatchItem]) -> Job:
        """Return the batch as it is looked for: by its id and those of its calls, without their bodies."""
        lines = [Line(custom_id(self.batch.id, one.call_id), one.question.path, {}) for one in members]
        return Job(self.batch.id, lines, await self.key())
