"""Makes a generation of the topics of runs with more partitions. It may be repeated after any failure.

A run stays in the partition where it began, which its id says: an id of before the growth names no number, a new one
names how many partitions there are (``schemas.ids``). So nothing is moved, old and new runs are worked on side by side,
and the old generation drains as its runs end. The order:

1. checkpoints of the table of runs, so that each new partition can be checkpointed
2. views and step requests
3. ``run-events``, last: from then on submissions see more partitions, and place new runs among all of them
4. orchestrators take the new partitions, some seconds later
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from connectors.postgres.database import Database
from connectors.redis.marker_generation import MarkerGeneration
from schemas.errors import Rejected
from schemas.ids import MOST_PARTITIONS
from schemas.run_states import OPEN_RUN
from topics.admin import TopicAdmin
from topics.catalogue import RUN_EVENTS, TABLE_RUNS, checkpoint_topic, grows


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a growth is: topics that have the partitions, partitions that orchestrators took, open runs of before.

    ``old_runs`` are those whose ids name fewer partitions than there are; they end where they began.
    """

    partitions: int
    topics: int
    topics_grown: int
    taken: int
    old_runs: int

    @property
    def grown(self) -> bool:
        """True when new runs may be placed anywhere: nothing is left to do but for old runs to end."""
        return self.topics == self.topics_grown and self.taken == self.partitions

    def __str__(self) -> str:
        topics = f"{self.topics_grown} of {self.topics} topics have {self.partitions} partitions"
        return f"{topics}; {self.taken} of {self.partitions} taken; {self.old_runs} runs of before are open"


def in_order(names: Sequence[str]) -> list[str]:
    """Return the topics of a broker that grow, in the order in which they do."""
    first, last = checkpoint_topic(TABLE_RUNS), RUN_EVENTS
    ours = [name for name in names if grows(name)]
    return sorted(ours, key=lambda name: (name != first, name == last, name))


def check(partitions: int, first: int, now: int) -> None:
    """Raise ``Rejected`` for a number that topics cannot grow to. ``first`` is how many they had at first."""
    if partitions < now:
        raise Rejected(f"{RUN_EVENTS} has {now} partitions already, and topics never shrink; say --to {2 * now}")
    if partitions % first:
        fix = f"say --to {-(-partitions // first) * first}"
        raise Rejected(f"{partitions} is no multiple of TOPIC_PARTITIONS={first}, so runs would be uneven; {fix}")
    if partitions > MOST_PARTITIONS:
        raise Rejected(f"a run's id names at most {MOST_PARTITIONS} partitions; several cells bear more")


class Growth:
    """A growth of the topics of one site. Methods raise ``Unavailable``."""

    def __init__(self, admin: TopicAdmin, redis: Redis, database: Database, first: int) -> None:
        self._admin = admin
        self._markers = MarkerGeneration(redis)
        self._database = database
        self._first = first

    async def now(self) -> int:
        """Return how many partitions ``run-events`` has. Raises ``Rejected`` where there are none yet."""
        counts = await self._admin.counts([RUN_EVENTS] if RUN_EVENTS in await self._admin.names() else [])
        if RUN_EVENTS not in counts:
            raise Rejected(f"there is no topic {RUN_EVENTS}: run `python -m topics create` first")
        return counts[RUN_EVENTS]

    async def grow(self, partitions: int) -> AsyncIterator[str]:
        """Grow topic by topic; yield each that grew. Raises ``Rejected`` for a number that cannot be."""
        check(partitions, self._first, await self.now())
        for topic in in_order(sorted(await self._admin.names())):
            if await self._admin.grow(topic, partitions):
                yield topic

    async def progress(self, partitions: int) -> Progress:
        """Return how far a growth to so many partitions is."""
        topics = in_order(sorted(await self._admin.names()))
        counts = await self._admin.counts(topics)
        return Progress(
            partitions=partitions,
            topics=len(topics),
            topics_grown=sum(count >= partitions for count in counts.values()),
            taken=len(await self._markers.folded(partitions)),
            old_runs=await self._old_runs(partitions),
        )

    async def _old_runs(self, partitions: int) -> int:
        """Return the open runs in history whose id names fewer partitions."""
        rows = await self._database.fetch(
            "count runs of before",
            "SELECT count(*) AS runs FROM workflow_run WHERE status = ANY($1::text[]) "
            "AND NOT (substr(id, 15, 1) = '8' AND substr(id, 16, 3) >= $2)",
            sorted(OPEN_RUN),
            f"{partitions:03x}",
        )
        return int(rows[0]["runs"])
