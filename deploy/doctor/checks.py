"""The checks of a site, each a pure function of the facts; a new one is a row in ``CHECKS``."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from deploy.doctor.facts import Facts, Finding, Reader, TablePlace

Find = Callable[[Facts], Iterator[tuple[str, str]]]

#: Owners write one each ``CHECKPOINT_INTERVAL_MS`` (30 s) while something changes, and an alert comes after 5 minutes.
OLDEST_CHECKPOINT_MS = 300_000
#: Signatures and tokens bear this much, and so do leases: they are compared by Redis' clock alone.
MOST_SKEW_MS = 2_000.0
CERTIFICATE_DAYS = 14
LEAST_DISK = 0.15
MOST_MEMORY = 0.85
#: A worker makes no progress while its slots are in calls; its lag shows whether there are too few.
SLOW = ("worker", "leases")
_DAY_S = 86_400
_NAMED = 3


class Check(NamedTuple):
    """A check by its name. ``page`` is where the documentation says more."""

    name: str
    page: str
    find: Find


def away(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find engines that could not be read."""
    for engine, why in facts.away.items():
        yield f"{engine} could not be read: {why}", f"start {engine}, or correct its address and login; then look again"


def topics(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find topics that are missing, or are set up otherwise than the catalogue says."""
    if facts.differences:
        fix = "python -m topics create makes missing ones; correct the others on the broker"
        yield f"topics differ from the catalogue: {_some(facts.differences)}", fix


def replicas(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find partitions without a leader, below their least replicas in sync, or with a replica that is behind."""
    gone = [one for one in facts.partitions if not one.has_leader]
    if gone:
        yield f"no leader: {_some(f'{o.topic}/{o.partition}' for o in gone)}", "start the brokers that have them"
    led = [one for one in facts.partitions if one.has_leader]
    few = [one for one in led if one.in_sync < facts.min_isr.get(one.topic, 1)]
    if few:
        named = _some(f"{o.topic}/{o.partition} ({o.in_sync} in sync)" for o in few)
        yield f"writes are refused, for want of replicas in sync: {named}", "start the missing broker"
    behind = [one for one in led if one not in few and one.in_sync < one.replicas]
    if behind:
        named = _some(f"{o.topic}/{o.partition} ({o.in_sync} of {o.replicas})" for o in behind)
        fix = "look for a broker that is down or slow: the next loss may stop writes"
        yield f"replicas are behind: {named}", fix


def roles(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find roles of which no process is a member of its group."""
    if facts.idle_roles:
        yield f"no process runs: {_some(facts.idle_roles)}", "start them: python -m streams <role>"


def stalled(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find partitions that have records and did not move between the two looks."""
    for role, found in _by_role(one for one in facts.readers if one.later <= one.at < one.end and one.role not in SLOW):
        named = _some(f"{o.topic}/{o.partition} at {o.at} of {o.end}" for o in found)
        fix = f"/ready of the {role} names the reason; see docs/runbooks/partition-stalled.md"
        yield f"{role} has stalled in {named}", fix


def lag(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find roles that have many records before them."""
    for role, found in _by_role(facts.readers):
        before = sum(max(0, one.end - one.later) for one in found)
        if before > facts.lag_limit:
            yield f"{role} has {before:,} records before it", "add processes; see docs/runbooks/consumer-lag.md"


def positions(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find tables whose position is not in their log, and those that are behind their own checkpoint."""
    for one in facts.tables:
        where = f"{one.table}/{one.partition}"
        if one.other_log:
            yield f"{where} was folded from another topic of this name", _rebuild(one)
        elif one.offset is not None and one.offset > one.end:
            yield f"{where} is at offset {one.offset}, the log ends at {one.end}: the log lost records", _rebuild(one)
        elif one.offset is not None and one.offset < one.first:
            yield f"{where} is at offset {one.offset}, the log begins at {one.first}: records are gone", _rebuild(one)
        elif one.offset is not None and one.checkpoint_offset is not None and one.offset < one.checkpoint_offset:
            fix = "restart its owner, which restores it; look for a Redis that came back from an older dump"
            yield f"{where} is at offset {one.offset}, its checkpoint at {one.checkpoint_offset}", fix


def checkpoints(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find tables that have moved and whose newest checkpoint is old."""
    old = [one for one in facts.tables if _is_old(one, facts.now_ms)]
    if old:
        named = _some(f"{o.table}/{o.partition}" for o in old)
        fix = "see docs/runbooks/checkpoint-too-old.md: a restore would fold that much again"
        yield f"no checkpoint for {OLDEST_CHECKPOINT_MS // 60_000} minutes: {named}", fix


def leases(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find that no worker lives, and workers that went without giving their attempts back."""
    if facts.live_workers == 0:
        yield "no worker is live, so no step is executed", "start one: python -m streams worker"
    for one in facts.workers:
        held = f", with {one.in_flight} attempts" if one.in_flight else ""
        fix = "read its log; its attempts are made by others when their leases end (CLAIM_LEASE_MS)"
        yield f"worker {one.name} has been silent for {one.silent_s:.0f} s{held}", fix


def schema(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find stores that lack migrations of this version."""
    for store, lacking in facts.schema.items():
        if lacking:
            yield f"{store} lacks {_some(lacking)}", "python -m deploy.migrate up"


def settings(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find engines that are set up so that they may lose data."""
    for _name, problem, fix in facts.unsafe:
        yield problem, fix


def redis(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find a Redis that is nearly full or cannot write its files."""
    for one in facts.redis:
        if one.allowed and one.used > MOST_MEMORY * one.allowed:
            share = f"{one.used / one.allowed:.0%} of maxmemory"
            yield f"Redis at {one.where} uses {share}: at 100% it refuses writes", "raise maxmemory, or add masters"
        if not one.saved:
            yield f"Redis at {one.where} could not write its last save", "look at its log and its disk"


def clocks(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find clocks that differ."""
    for name, ahead in facts.clocks_ms.items():
        if abs(ahead) > MOST_SKEW_MS:
            word = "ahead of" if ahead > 0 else "behind"
            fix = "synchronise the clocks (NTP): windows of budgets, leases and tokens depend on them"
            yield f"the clock of {name} is {abs(ahead) / 1000:.1f} s {word} this machine's", fix


def certificates(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find certificates that end soon, and files without any."""
    for path, ends_s in facts.certificates.items():
        left = ends_s - facts.now_ms / 1000
        if not ends_s:
            yield f"{path} has no certificate that can be read", "correct the path or the file's mode"
        elif left < CERTIFICATE_DAYS * _DAY_S:
            text = "has ended" if left <= 0 else f"ends in {left / _DAY_S:.1f} days"
            yield f"the certificate in {path} {text}", "renew it; see docs/runbooks/certificate-expires.md"


def disks(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find disks with little room."""
    for one in facts.disks:
        if one.size and one.free < LEAST_DISK * one.size:
            free = f"{one.free / 1e9:.1f} of {one.size / 1e9:.0f} GB free"
            yield f"{one.what} has {free}", "make room, or let data expire earlier (docs/how-to/retention.md)"


def backup(facts: Facts) -> Iterator[tuple[str, str]]:
    """Find that the last good backup is older than the site allows."""
    if not facts.backup_max_age_s or "redis" in facts.away:
        return
    if facts.last_backup_ms is None:
        yield "no backup is known", "make backup TO=PLACE KEYS=PLACE; see docs/runbooks/backup-too-old.md"
    elif (age_s := (facts.now_ms - facts.last_backup_ms) / 1000) > facts.backup_max_age_s:
        fix = "look at the scheduled one; see docs/runbooks/backup-too-old.md"
        yield f"the last backup is {age_s / 3600:.1f} h old, {facts.backup_max_age_s / 3600:.1f} h are allowed", fix


CHECKS: Sequence[Check] = (
    Check("engines", "docs/runbooks/dependency-waits.md", away),
    Check("topics", "docs/how-to/operations.md#topics-and-schema", topics),
    Check("replicas", "docs/how-to/high-availability.md", replicas),
    Check("roles", "docs/runbooks/target-down.md", roles),
    Check("stalled", "docs/runbooks/partition-stalled.md", stalled),
    Check("lag", "docs/runbooks/consumer-lag.md", lag),
    Check("positions", "docs/how-to/operations.md#a-partition-is-broken", positions),
    Check("checkpoints", "docs/runbooks/checkpoint-too-old.md", checkpoints),
    Check("leases", "docs/runbooks/worker-stuck.md", leases),
    Check("schema", "docs/how-to/operations.md#topics-and-schema", schema),
    Check("settings", "docs/how-to/high-availability.md", settings),
    Check("redis", "docs/how-to/capacity.md", redis),
    Check("clocks", "docs/troubleshooting.md#the-clock", clocks),
    Check("certificates", "docs/runbooks/certificate-expires.md", certificates),
    Check("disks", "docs/how-to/capacity.md", disks),
    Check("backup", "docs/runbooks/backup-too-old.md", backup),
)


def found(facts: Facts) -> list[Finding]:
    """Return every problem in the facts, in the order of the table."""
    return [Finding(check.name, *problem) for check in CHECKS for problem in check.find(facts)]


def page_of(name: str) -> str:
    """Return the page of a check."""
    return next(check.page for check in CHECKS if check.name == name)


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return f"{', '.join(every[:_NAMED])}{more}"


def _by_role(readers: Iterable[Reader]) -> Iterator[tuple[str, list[Reader]]]:
    by_role: defaultdict[str, list[Reader]] = defaultdict(list)
    for one in readers:
        by_role[one.role].append(one)
    yield from sorted(by_role.items())


def _is_old(one: TablePlace, now_ms: int) -> bool:
    if one.offset is None or one.offset == (one.checkpoint_offset or one.first):
        return False
    return one.checkpoint_at_ms is not None and now_ms - one.checkpoint_at_ms > OLDEST_CHECKPOINT_MS


def _rebuild(one: TablePlace) -> str:
    command = f"python -m streams.ops rebuild {one.partition} --table {one.table}"
    return f"{command}; first read docs/how-to/operations.md#a-partition-is-broken"
