"""Lines of old history: a million old steps deleted in batches by the code of the role, beside partitions.

250,000 runs of four steps, half of them old, are deleted by ``RunDeletion`` while another connection reads lists of
runs. In the same database the same steps stand in a table that is partitioned by day: the best that a partition can
do is to be dropped. Stored objects are found in an index; the line says what that costs writers.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from connectors.postgres.database import Database
from connectors.postgres.history.run_deletion import RunDeletion
from connectors.postgres.history.runs import RunFilter, Runs
from deploy import migrate
from deploy.local.engines import EngineStack
from deploy.local.engines.progress import Progress

AIMS = (
    # Half of what the system's capacity is on a machine of two cores, see `make soak`.
    Aim("history_deleted_runs_s", "runs/s", at_least(250), at_least(1_000)),
    Aim("history_deleted_rows", "rows", at_least(500_000)),
    Aim("history_list_p99_ms", "ms", at_most(250), at_most(50)),
    Aim("history_partition_drop_ms", "ms"),
    Aim("history_rows_of_others_deleted", "rows", at_most(0)),
)
ORG, OTHER = "acme", "other"
RUNS, STEPS = 250_000, 4
_FILL_RUNS = """
INSERT INTO workflow_run (id, org_id, version, workflow_name, workflow_version, status, source, body_hash, spec_hash,
    tags, input_tokens, output_tokens, cost_nano, output_in_steps, trace_id, created_at, finished_at)
SELECT 'run-' || n, CASE WHEN n % 10 = 0 THEN $2 ELSE $1 END, 9, 'flow', 1, 'succeeded', 'api', 'h', 'h', '{}', 9, 9, 9,
    '{}', md5(n::text), at, at + interval '5 seconds'
FROM (SELECT n, now() - (n % 60) * interval '1 day' - n * interval '1 ms' AS at FROM generate_series(1, $3::int) AS n) v
"""
_FILL_STEPS = """
INSERT INTO step_run (workflow_run_id, step_id, org_id, version, node_id, kind, status, attempt, output, input_tokens,
    output_tokens, cost_nano, cached, worker_id, finished_at)
SELECT id, 'step-' || s, org_id, 9, 'step', 'llm', 'succeeded', 1, json_build_object('kind', 'inline', 'value',
    repeat(md5(id), 10)), 9, 9, 9, false, 'w', finished_at
FROM workflow_run, generate_series(1, $1::int) AS s
"""
_PARTITIONED = """
CREATE TABLE step_by_day (LIKE step_run) PARTITION BY RANGE (finished_at);
CREATE TABLE step_old PARTITION OF step_by_day FOR VALUES FROM (MINVALUE) TO ('{cut}');
CREATE TABLE step_young PARTITION OF step_by_day FOR VALUES FROM ('{cut}') TO (MAXVALUE);
INSERT INTO step_by_day SELECT * FROM step_run;
"""


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Fill, delete and drop. A quick run has a hundredth of the rows, and no floor of speed."""
    runs = RUNS // 100 if quick else RUNS
    progress(f"deploy: {runs * STEPS:,} steps of history, half of which are old")
    with tempfile.TemporaryDirectory() as home, EngineStack(Path(home), {"postgres"}, durable=True) as ends:
        return asyncio.run(_measured(ends.postgres_dsn, runs, quick))


async def _measured(dsn: str, runs: int, quick: bool) -> list[Line]:
    await migrate.up(dsn)
    database = Database(dsn, max_connections=3, timeout_s=300)
    try:
        before_ms = await _fill(database, runs)
        dropped_ms = await _dropped(database, before_ms)
        others, steps = await _count(database, OTHER), await _count(database, ORG)
        deleting = asyncio.create_task(_delete(database, before_ms))
        looks = await _lists(dsn, deleting)
        deleted, seconds = await deleting
        rows = deleted + steps - await _count(database, ORG)
        lost = others - await _count(database, OTHER)
    finally:
        await database.close()
    note = f"{deleted:,} runs with {STEPS} steps in {seconds:.1f} s, by transactions of 200"
    found = [
        line_of(AIMS, "history_deleted_runs_s", deleted / seconds, note),
        line_of(AIMS, "history_list_p99_ms", _p99(looks), f"{len(looks)} lists of runs meanwhile, on the same machine"),
        line_of(AIMS, "history_partition_drop_ms", dropped_ms, "the same steps in a partition of their own"),
        line_of(AIMS, "history_rows_of_others_deleted", lost, "of an organisation that keeps its runs"),
    ]
    return found if quick else [*found, line_of(AIMS, "history_deleted_rows", rows, "runs and steps")]


async def _fill(database: Database, runs: int) -> int:
    for org in (ORG, OTHER):
        await database.fetch("fill", "INSERT INTO organisation (id) VALUES ($1)", org)
    await database.fetch("fill", _FILL_RUNS, ORG, OTHER, runs)
    await database.fetch("fill", _FILL_STEPS, STEPS)
    async with database.connection("analyze") as conn:
        await conn.execute("ANALYZE workflow_run")
        await conn.execute("ANALYZE step_run")
    return int((time.time() - 30 * 86_400) * 1000)


async def _dropped(database: Database, before_ms: int) -> float:
    cut = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(before_ms / 1000))
    async with database.connection("partition") as conn:
        await conn.execute(_PARTITIONED.format(cut=cut))
        began = time.perf_counter()
        await conn.execute("DROP TABLE step_old")
        took_ms = (time.perf_counter() - began) * 1000
        await conn.execute("DROP TABLE step_by_day")
    return took_ms


async def _delete(database: Database, before_ms: int) -> tuple[int, float]:
    """Delete what is old as the role does; return how many runs, and in how many seconds."""
    deletion, count, began = RunDeletion(database), 0, time.perf_counter()
    while found := await deletion.expired(ORG, before_ms):
        await deletion.delete(ORG, found)
        count += len(found)
    return count, time.perf_counter() - began


async def _lists(dsn: str, deleting: "asyncio.Task[tuple[int, float]]") -> list[float]:
    """Read lists of runs as the API does, until the deletion is done; return milliseconds."""
    database, took = Database(dsn, max_connections=1, timeout_s=60), list[float]()
    runs = Runs(database)
    try:
        while not deleting.done():
            began = time.perf_counter()
            await runs.page(ORG, RunFilter(limit=50))
            took.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.05)
    finally:
        await database.close()
    return took


async def _count(database: Database, org_id: str) -> int:
    row = await database.fetchrow("count", "SELECT count(*) AS n FROM step_run WHERE org_id = $1", org_id)
    return 0 if row is None else int(row["n"])


def _p99(samples: Sequence[float]) -> float:
    return statistics.quantiles(samples, n=100)[98] if len(samples) > 1 else 0.0
