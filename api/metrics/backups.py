"""How old the last backup is, for an alert: where backups are expected."""

from collections.abc import Awaitable, Callable

from prometheus_client.core import Metric as Family

from connectors.prometheus.families import gauge_value
from connectors.redis.last_backup import LastBackup
from schemas.errors import Unavailable
from schemas.metrics import API_BACKUP_MAX_AGE, API_LAST_BACKUP

ReadLast = Callable[[], Awaitable[LastBackup | None]]


class BackupAge:
    """Reads the time of the last backup. ``max_age_s`` of 0: none is expected, and nothing is shown."""

    def __init__(self, read: ReadLast, max_age_s: int) -> None:
        self._read = read
        self._max_age_s = max_age_s

    async def families(self) -> list[Family]:
        """Return the gauges; without an answer only how old a backup may be. Raises nothing."""
        if not self._max_age_s:
            return []
        allowed = gauge_value(API_BACKUP_MAX_AGE, self._max_age_s)
        try:
            last = await self._read()
        except Unavailable:
            return [allowed]
        # One that nobody knows of counts as one of 1970: an alarm too many is better than a backup too few.
        return [allowed, gauge_value(API_LAST_BACKUP, 0 if last is None else last.cut_at_ms / 1000)]
