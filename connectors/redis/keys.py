"""Every Redis key, in one place. The part in braces is the hash slot: all of a partition is in one slot.

A table's partition is the partition of its input topic: ``runs`` follows ``run-events`` (key: run id), ``budgets``
follows ``cost-events`` (key: organisation).
"""

from topics.partitioner import partition_for, run_partition


class Slot:
    """The keys of one partition of one table."""

    __slots__ = ("counters", "exemplars", "partition", "position", "prefix", "quarantine", "timers")

    def __init__(self, table: str, partition: int) -> None:
        self.partition = partition
        self.prefix = f"{{{table}:{partition}}}"
        self.position = f"{self.prefix}:pos"
        self.timers = f"{self.prefix}:timers"
        self.counters = f"{self.prefix}:counters"
        self.exemplars = f"{self.prefix}:exemplars"
        self.quarantine = f"{self.prefix}:quarantine"

    def entity(self, entity: str) -> str:
        """Hash of an entity's entries."""
        return f"{self.prefix}:e:{entity}"

    def claim(self, request_id: str) -> str:
        """Hash of a claim on one attempt (table ``runs``)."""
        return f"{self.prefix}:claim:{request_id}"

    def accepted(self, run_id: str) -> str:
        """What is known of an accepted submission before its run is folded (table ``runs``)."""
        return f"{self.prefix}:accepted:{run_id}"

    def chosen(self, run_id: str) -> str:
        """The id of a submission's run, where it is not this one (table ``runs``)."""
        return f"{self.prefix}:chosen:{run_id}"

    def held(self, org_id: str) -> str:
        """Hash of an organisation's held money by spend field (table ``budgets``)."""
        return f"{self.prefix}:held:{org_id}"

    def hold(self, call_id: str) -> str:
        """Hash of one hold (table ``budgets``)."""
        return f"{self.prefix}:hold:{call_id}"


def runs_slot(run_id: str, partitions: int) -> Slot:
    """Return the slot of a run; ``partitions`` is what topics of runs had at first."""
    return Slot("runs", run_partition(run_id.encode(), partitions))


def budgets_slot(org_id: str, partitions: int) -> Slot:
    """Return the slot of an organisation's money."""
    return Slot("budgets", partition_for(org_id.encode(), partitions))


class CacheKeys:
    """The keys of an organisation's cached answers; all organisations are in one slot, which has one bound."""

    __slots__ = ("_org_id", "bytes", "lru", "prefix", "purged", "stats")

    def __init__(self, org_id: str) -> None:
        self._org_id = org_id
        self.prefix = "{cache}"
        self.bytes = f"{self.prefix}:bytes"
        self.lru = f"{self.prefix}:lru:o:{org_id}"
        self.purged = f"{self.prefix}:purged:{org_id}"
        self.stats = f"{self.prefix}:stats:{org_id}"

    def entry(self, digest: str) -> str:
        """Hash of an answer."""
        return f"{self.prefix}:e:{self._org_id}|{digest}"

    def near(self, partition: str) -> str:
        """Answers whose texts may be compared, by the time when they were stored."""
        return f"{self.prefix}:near:{self._org_id}|{partition}"

    def lease(self, digest: str) -> str:
        """Who makes a call that others wait for."""
        return f"{self.prefix}:lead:{self._org_id}|{digest}"


def breaker_key(route: str) -> str:
    """Return the key of a route's breaker; each may be in any slot."""
    return f"breaker:{route}"


def rate_key(key_id: str) -> str:
    """Return the key of the rate of an API key's requests; each may be in any slot."""
    return f"rate:{key_id}"


#: Prefix of all keys of quotas; all are in one slot.
QUOTAS = "{quota}"
