"""The port of claims: which worker has an attempt."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from connectors.redis.claims.leases import ClaimAnswer, Granted


class Leases(Protocol):
    """Who works on an attempt, see ``connectors.redis.claims.leases``. Every method raises ``Unavailable``."""

    async def take(self, run_id: str, request_id: str, *, also_ended: bool = False) -> ClaimAnswer:
        """Take the attempt, unless it is taken, has an outcome, or its run is over and not ``also_ended``."""
        ...

    async def over(self, run_ids: Sequence[str]) -> set[str]:
        """Return those of the runs that are over."""
        ...

    async def renew(self, granted: Granted) -> bool:
        """Extend the lease; ``False`` when the attempt is no longer ours."""
        ...

    async def finish(self, granted: Granted, result: bytes, counts: Mapping[str, int]) -> bool:
        """Store the outcome and count; ``False`` when another worker took the attempt meanwhile."""
        ...

    async def published(self, run_id: str, request_id: str) -> None:
        """Say that the outcome is in the log."""
        ...

    async def release(self, granted: Granted) -> bool:
        """Give the attempt back without an outcome."""
        ...
