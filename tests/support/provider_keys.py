"""Keys of providers in memory."""

from collections.abc import Mapping

from connectors.postgres.vault import ProviderKey
from schemas.errors import Unavailable


class MemoryVault:
    """Keys by organisation and provider; ``down`` is raised while it is set."""

    def __init__(self, **keys: dict[str, ProviderKey]) -> None:
        self.stored = keys
        self.down: Unavailable | None = None
        self.reads: list[str] = []
        self.noted: list[tuple[str, str]] = []

    async def keys(self, org_id: str) -> Mapping[str, ProviderKey]:
        self.reads.append(org_id)
        if self.down is not None:
            raise self.down
        return dict(self.stored.get(org_id, {}))

    async def used(self, org_id: str, provider: str) -> None:
        self.noted.append((org_id, provider))
        if self.down is not None:
            raise self.down
