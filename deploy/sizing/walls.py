"""A simulation of a site under a load that grows: which part has the first backlog, at how many runs a second.

Machines that help are added as the model says, so only what more machines do not move is a wall: one process, one
partition or one slot that must do a share of all work. Organisations are of unequal size, by Zipf's law, and are placed
by the partitioner that places their records. Each second the load is a little higher; a part that cannot do in a second
what came in it has a backlog, and its wall is where that is more than ``BACKLOG_S`` of its work.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deploy.sizing.model import ADMISSIONS_S, BUSY, CPU_MS_OF_THREE, ONE_PARTITION_RECORDS_S, Load
from topics.partitioner import partition_for

#: Records of money of a call: its start, its settlement, and one of presumed or of caps in between.
MONEY_RECORDS_OF_CALL = 3
#: All quotas are in one slot of one Redis; a call takes and settles one, in two scripts of some 25 microseconds.
QUOTA_CALLS_S = BUSY * 1_000_000 / (2 * 25)
#: What one controller and its brokers are planned for, with replicas; a topic of runs has its partitions three times.
CLUSTER_PARTITIONS = 50_000
#: Topics that get as many partitions as orchestrators need: events, views, checkpoints and three tiers of requests.
TOPICS_OF_RUNS = 6
REPLICAS = 3
BACKLOG_S = 5.0
#: The load grows by a thousandth each second, from a run a second: so slowly that a wall is near the limit.
GROWTH = 1.001


@dataclass(frozen=True, slots=True)
class Site:
    """A site: how many organisations it has, and how unequal they are, 0 for alike and 1 for Zipf's law.

    ``money_partitions`` is TOPIC_PARTITIONS, ``limited`` the share of runs with limits, ``quotas`` of calls under one.
    """

    organisations: int = 1_000
    skew: float = 1.0
    money_partitions: int = 960
    limited: float = 0.2
    quotas: float = 0.5


@dataclass(frozen=True, slots=True)
class Wall:
    """A part that more machines do not help, the load at which it has a backlog, and what to do."""

    part: str
    runs_s: float
    fix: str


@dataclass(slots=True)
class Part:
    """A part in the simulation: work that it can do in a second, work that a run brings, and what has not been done."""

    name: str
    capacity: float
    of_run: float
    fix: str
    backlog: float = field(default=0.0)

    def second(self, runs_s: float) -> bool:
        """Take a second of load; return whether the backlog is over the limit."""
        self.backlog = max(0.0, self.backlog + runs_s * self.of_run - self.capacity)
        return self.backlog > BACKLOG_S * self.capacity


def simulate(load: Load, site: Site = Site(), upto: float = 100_000.0) -> list[Wall]:
    """Return the walls up to a load, the first one first. The load's own ``runs_s`` is not used.

    Raises ``ValueError`` for a site without organisations.
    """
    if site.organisations < 1 or site.money_partitions < 1:
        raise ValueError("a site has at least one organisation and one partition")
    parts, found = list(_parts(load, site)), []
    runs_s = 1.0
    while runs_s <= upto and parts:
        over = [part for part in parts if part.second(runs_s)]
        found += [Wall(part.name, runs_s, part.fix) for part in over]
        parts = [part for part in parts if part not in over]
        runs_s *= GROWTH
    return found


def shares(organisations: int, skew: float) -> list[float]:
    """Return the share of each organisation, the largest first."""
    weights = [1 / (rank**skew) for rank in range(1, organisations + 1)]
    return [weight / sum(weights) for weight in weights]


def hottest(by_organisation: Sequence[float], partitions: int) -> float:
    """Return the largest share of a partition, with organisations where the partitioner puts them."""
    placed: dict[int, float] = {}
    for number, share in enumerate(by_organisation):
        place = partition_for(f"organisation-{number}".encode(), partitions)
        placed[place] = placed.get(place, 0.0) + share
    return max(placed.values())


def _parts(load: Load, site: Site) -> Iterator[Part]:
    orchestrators = CPU_MS_OF_THREE["streams"] * load.steps / 3 / 1000 / BUSY
    yield Part(
        "partitions of one cluster",
        CLUSTER_PARTITIONS / (TOPICS_OF_RUNS * REPLICAS),
        # Twice as many partitions as orchestrators, so that they divide.
        2 * orchestrators,
        "several cells, each with brokers of its own (docs/explanation/cells.md)",
    )
    if site.limited:
        yield Part(
            "admission of runs with limits, one partition",
            ADMISSIONS_S,
            site.limited,
            "limits for fewer workflows, or several cells",
        )
    if load.calls:
        by_organisation = shares(site.organisations, site.skew)
        money = load.calls * MONEY_RECORDS_OF_CALL
        yield Part(
            "money of the largest partition of organisations",
            ONE_PARTITION_RECORDS_S,
            money * hottest(by_organisation, site.money_partitions),
            "a cell of its own for the largest organisations",
        )
        yield Part(
            "money of the largest organisation",
            ONE_PARTITION_RECORDS_S,
            money * by_organisation[0],
            "several organisations in place of it: an organisation's money is one order",
        )
    if load.calls and site.quotas:
        yield Part(
            "quotas, one slot of Redis",
            QUOTA_CALLS_S,
            load.calls * site.quotas,
            "quotas of fewer providers, or several cells",
        )


def as_rows(walls: Sequence[Wall]) -> list[Mapping[str, object]]:
    """Return walls as JSON has them."""
    return [{"part": wall.part, "runs_s": round(wall.runs_s), "fix": wall.fix} for wall in walls]
