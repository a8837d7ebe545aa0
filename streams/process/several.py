"""A role of several apps, each with a group of its own: positions and lags are kept for each."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from streams.process.role import RoleApp
from streams.runtime.consumer.poll import Partition
from streams.runtime.sink import SinkAgent


class SeveralHandlers:
    """What the apps' handlers are together."""

    def __init__(self, apps: Mapping[str, RoleApp]) -> None:
        self._apps = apps

    def paused(self) -> dict[Partition, str]:
        """Return the partitions that wait for an upgrade of this role at one app at least, and why."""
        return {partition: why for app in self._apps.values() for partition, why in app.handler.paused().items()}

    def dead_letters(self) -> dict[str, int]:
        """Return how many records the apps set aside by themselves since the start, by reason."""
        handlers = (app.handler for app in self._apps.values())
        return dict(sum((Counter(one.dead_letters()) for one in handlers if isinstance(one, SinkAgent)), Counter()))


class SeveralApps:
    """Apps that are one role, by name; none of them is a role that does nothing.

    An app whose work waits says so by its lag and does not make the process unready: another system is down, not this
    one.
    """

    def __init__(self, apps: Mapping[str, RoleApp]) -> None:
        self.apps = apps
        self.handler = SeveralHandlers(apps)

    @property
    def crashed(self) -> bool:
        """Whether one app ended by a defect."""
        return any(app.crashed for app in self.apps.values())

    @property
    def crash_reason(self) -> BaseException | None:
        """The first app's defect."""
        return next((app.crash_reason for app in self.apps.values() if app.crashed), None)

    async def start(self) -> None:
        """Start all."""
        await asyncio.gather(*(app.start() for app in self.apps.values()))

    async def stop(self) -> None:
        """Stop all; one that cannot stop does not keep the others."""
        found = await asyncio.gather(*(app.stop() for app in self.apps.values()), return_exceptions=True)
        if fault := next((one for one in found if isinstance(one, BaseException)), None):
            raise fault

    def lags(self) -> dict[Partition, int]:
        """Return how many records of each partition the app that is most behind has not finished."""
        lags: dict[Partition, int] = {}
        for app in self.apps.values():
            for partition, records in app.lags().items():
                lags[partition] = max(records, lags.get(partition, 0))
        return lags

    def unread(self) -> dict[Partition, tuple[int | None, int]]:
        """Return nothing: offsets differ between the apps."""
        return {}

    def joining_since(self) -> float | None:
        """Return since when the group gives nothing to the app that waits longest."""
        return min((since for app in self.apps.values() if (since := app.joining_since()) is not None), default=None)

    def missing_topics(self) -> list[str]:
        """Return the topics that are read and that the broker does not have."""
        return sorted({topic for app in self.apps.values() for topic in app.missing_topics()})
