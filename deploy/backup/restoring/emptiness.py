"""Whether a site is empty: a restore writes over nothing. Every question is asked before anything is written."""

from collections.abc import Mapping

from connectors.clickhouse.client import ClickHouse
from connectors.kafka.archive.reading import ArchiveReader
from connectors.kafka.archive.writing import ArchiveWriter
from connectors.postgres import copying
from connectors.postgres.copying import quoted
from connectors.postgres.database import connect_once
from connectors.postgres.errors import postgres_errors
from connectors.redis.client import connect
from connectors.redis.errors import redis_errors
from deploy.backup.archive import topics
from deploy.backup.archive.topics import is_ours
from deploy.backup.errors import BackupRefused
from deploy.backup.site import Site
from deploy.backup.taking.rows import is_vault

#: A role that starts makes rows in none of these; an API makes the organisation of its settings.
_TELLING = ("workflow_run", "workflow", "prompt", "organisation", "api_key", "audit_entry")
_SHOWN = 3
_ANY_DATABASE = "default"


async def refuse_unless_empty(site: Site, partitions: Mapping[str, int], *, vault: bool) -> None:
    """Raise ``BackupRefused`` with all that is in the way. ``partitions`` are those that topics are to have.

    ``vault``: the vault's rows are restored, too, so its tables must be empty.
    """
    found = [*await _kafka(site.bootstrap, partitions), *await _postgres(site.dsn, _TELLING)]
    if vault:
        found += await _postgres(site.keys_dsn, ("vault_org_key", "vault_subject_key"))
    found += [*await _redis(site.redis_url), *await _clickhouse(site)]
    if found:
        raise BackupRefused(f"the site is not empty, and a restore writes over nothing: {'; '.join(found)}")


async def _kafka(bootstrap: str, partitions: Mapping[str, int]) -> list[str]:
    async with ArchiveReader(bootstrap) as reader, ArchiveWriter(bootstrap) as writer:
        ours = [name for name in await reader.names() if is_ours(name) or name in topics.CHECKPOINTS]
        counts = await reader.partitions(ours)
        wheres = [(name, p) for name, count in counts.items() for p in range(count)]
        full = sorted({name for (name, _), end in (await reader.ends(wheres)).items() if end})
        groups = await writer.members(list(await reader.groups(set(counts))))
    found = [f"topics with records ({', '.join(full[:_SHOWN])}{', …' if full[_SHOWN:] else ''})"] if full else []
    if groups:
        found.append(f"processes still read topics ({', '.join(groups[:_SHOWN])}): stop all of them")
    return found + [
        f"topic {name} has {count} partitions, the backup {partitions[name]}: delete it"
        for name, count in sorted(counts.items())
        if count != partitions.get(name, count)
    ]


async def _postgres(dsn: str, telling: tuple[str, ...]) -> list[str]:
    conn = await connect_once(dsn, copying.CONNECT_S)
    try:
        with postgres_errors("look for rows"):
            tables = await copying.tables(conn)
            full = [
                name
                for name in telling
                if name in tables and await conn.fetchval(f"SELECT EXISTS (SELECT FROM {quoted(name)})")
            ]
    finally:
        await conn.close()
    where = "the vault's database" if is_vault(telling[0]) else "PostgreSQL"
    return [f"{where} has rows in {', '.join(full)}"] if full else []


async def _redis(url: str) -> list[str]:
    redis = connect(url)
    try:
        with redis_errors("count the keys"):
            size = await redis.dbsize()
    finally:
        await redis.aclose()
    return [f"Redis has {size} keys: stop all processes, then FLUSHDB"] if size else []


async def _clickhouse(site: Site) -> list[str]:
    # Its own database may not be there yet.
    clickhouse = ClickHouse(site.clickhouse_url, _ANY_DATABASE)
    try:
        rows = await clickhouse.query(
            "SELECT name FROM system.tables WHERE database = {database:String} AND total_rows > 0 "
            "AND name NOT LIKE '%migration%' AND NOT startsWith(name, '.') ORDER BY name",
            {"database": site.clickhouse_database},
        )
    finally:
        await clickhouse.close()
    return [f"ClickHouse has rows in {', '.join(str(row[0]) for row in rows[:_SHOWN])}"] if rows else []
