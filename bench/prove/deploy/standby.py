"""Lines of the standby: how much of an acknowledged log is lost when the brokers of a site are killed.

Two brokers on this machine, a mirror between them in a process of its own, and a producer that writes at an even pace.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from bench.lines import Line
from bench.prove.area import Aim, at_most, line_of
from connectors.kafka.archive.reading import ArchiveReader
from connectors.kafka.log import KafkaLog
from connectors.ports.archive import Range
from connectors.ports.engine import OutRecord
from deploy.local.engines.engine import EngineContext
from deploy.local.engines.kafka import KafkaEngine
from deploy.local.engines.ports import PortBook
from deploy.local.engines.progress import Progress
from deploy.local.roles import ROOT
from topics.admin import TopicAdmin
from topics.catalogue import RUN_EVENTS, wanted
from topics.partitioner import partition_for

KILLS, QUICK_KILLS = 5, 1
PARTITIONS = 4
#: Records that are written at once, and how often: 500 a second.
BURST, PAUSE_S = 10, 0.02
#: After so many seconds of writing the brokers are killed.
MOMENTS = (2.0, 2.37, 2.91, 3.43, 4.0)

AIMS = (
    Aim("standby_lost_s", "s", at_most(5), at_most(1)),
    Aim("standby_lost_records", "records"),
    Aim("standby_gaps_or_doubles", "records", at_most(0), at_most(0)),
)
Acknowledged = list[tuple[float, bytes]]


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Kill the brokers of a site some times, each time of a new one. Raises ``ValueError`` for a mirror that fails."""
    kills = QUICK_KILLS if quick else KILLS
    progress(f"deploy: a standby is mirrored, and the brokers of the site are killed {kills} times")
    rounds = [_round(seconds, progress) for seconds in MOMENTS[:kills]]
    how = f"{kills} kills, 500 records a second"
    return [
        line_of(AIMS, "standby_lost_s", max(lost_s for lost_s, _, _ in rounds), f"the worst of {how}"),
        line_of(AIMS, "standby_lost_records", max(lost for _, lost, _ in rounds), "acknowledged, the worst"),
        line_of(AIMS, "standby_gaps_or_doubles", sum(wrong for _, _, wrong in rounds), "in what the standby has"),
    ]


def _round(seconds: float, progress: Progress) -> tuple[float, int, int]:
    """Return how many seconds of acknowledged records were lost, how many records, and what is wrong in the copy."""
    with tempfile.TemporaryDirectory(prefix="agentflow-standby-") as folder:
        site, standby = (_broker(Path(folder) / name, progress) for name in ("site", "standby"))
        try:
            site.start()
            standby.start()
            asyncio.run(_topics(site.address))
            mirror = _mirror(site, standby, Path(folder))
            try:
                acknowledged, killed_at = asyncio.run(_written(site, seconds))
            finally:
                mirror.send_signal(signal.SIGKILL)
                mirror.wait(timeout=30)
            there = asyncio.run(_read(standby.address))
        finally:
            site.stop()
            standby.stop()
    return judged(acknowledged, killed_at, there)


def judged(acknowledged: Acknowledged, killed_at: float, there: Sequence[Sequence[bytes]]) -> tuple[float, int, int]:
    """Return the age of the oldest lost record at the end, in seconds, the lost records, and gaps and doubles.

    Records are numbers, and each partition has its own in ascending order.
    """
    copied = [value for partition in there for value in partition]
    lost = [(at, value) for at, value in acknowledged if value not in set(copied)]
    doubles = len(copied) - len(set(copied))
    unordered = sum(int(a) >= int(b) for values in there for a, b in pairwise(values))
    # What is lost must be the end of each partition: nothing older than what the copy has of the same one.
    last = {place: int(values[-1]) for place, values in enumerate(there) if values}
    gaps = sum(int(value) < last.get(partition_for(value, len(there)), -1) for _, value in lost)
    # Some are acknowledged while the kill is on its way.
    latest = max(killed_at, *(at for at, _ in acknowledged))
    return max((latest - at for at, _ in lost), default=0.0), len(lost), doubles + unordered + gaps


def _broker(folder: Path, progress: Progress) -> KafkaEngine:
    folder.mkdir(parents=True)
    return KafkaEngine(
        EngineContext(folder, PortBook(folder / "ports.json"), "standby", durable=False, progress=progress)
    )


async def _topics(bootstrap: str) -> None:
    async with TopicAdmin(bootstrap) as admin:
        await admin.create(wanted(["default"]), PARTITIONS, 1)


def _mirror(site: KafkaEngine, standby: KafkaEngine, folder: Path) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "deploy.standby", "--to", str(standby.address), "--state", str(folder / "places")]
    env = os.environ | {"KAFKA_BOOTSTRAP": str(site.address)}
    started = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    if "topics are mirrored" not in started.stdout.readline():
        raise ValueError("the mirror did not start")
    return started


async def _written(site: KafkaEngine, seconds: float) -> tuple[Acknowledged, float]:
    """Write numbered records, and kill the site meanwhile; return what was acknowledged, and when it was killed."""
    acknowledged: Acknowledged = []
    async with KafkaLog(site.address) as log:
        writing = asyncio.create_task(_write(log, acknowledged))
        await asyncio.sleep(seconds)
        killed_at = time.monotonic()
        await asyncio.to_thread(site.kill)
        writing.cancel()
        await asyncio.wait({writing})
    return acknowledged, killed_at


async def _write(log: KafkaLog, acknowledged: Acknowledged) -> None:
    number = 0
    while True:
        values = [str(number + one).encode() for one in range(BURST)]
        number += BURST
        await log.append([OutRecord(RUN_EVENTS, value, value) for value in values])
        acknowledged += [(time.monotonic(), value) for value in values]
        await asyncio.sleep(PAUSE_S)


async def _read(bootstrap: str) -> list[list[bytes]]:
    """Return the records of each partition of the copy."""
    found: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    async with ArchiveReader(bootstrap) as reader:
        wheres = [(RUN_EVENTS, partition) for partition in range(PARTITIONS)]
        ends = await reader.ends(wheres)
        async for where, rows in reader.read({where: Range(0, ends[where]) for where in wheres}):
            found[where[1]] += [row.value or b"" for row in rows]
    return found
