"""``python -m deploy.wait_for_schema [--seconds 600]``: wait for schemas and topics of this version, or newer.

A pod runs it before its process where nothing orders the two: it ends with 0 when every migration of this version is
applied to PostgreSQL and ClickHouse and every topic is there, with 1 when that does not come in time, and with 2 for
wrong settings. It changes nothing. A newer schema is right, too: versions run side by side during an upgrade.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

from connectors.clickhouse.client import MIGRATIONS, ClickHouse
from deploy.migrate import names_applied, read_migrations
from schemas.errors import AgentFlowError
from schemas.settings import Settings
from topics.admin import TopicAdmin
from topics.catalogue import wanted

PAUSE_S = 2.0
PATIENCE_S = 600.0

Missing = Callable[[Settings], Awaitable[set[str]]]


async def missing_in_postgres(settings: Settings) -> set[str]:
    """Return the migrations that this version's roles need and PostgreSQL lacks. Raises ``Unavailable``."""
    return {one.name for one in read_migrations() if not one.after} - await names_applied(
        settings.postgres.dsn.get_secret_value()
    )


async def missing_in_clickhouse(settings: Settings) -> set[str]:
    """Return the migrations of this version that ClickHouse lacks. Raises ``Unavailable``."""
    clickhouse = ClickHouse(settings.clickhouse.url.get_secret_value(), settings.clickhouse.database)
    try:
        rows = await clickhouse.query("SELECT name FROM schema_migrations FINAL")
    finally:
        await clickhouse.close()
    return {path.stem for path in MIGRATIONS.glob("*.sql")} - {str(row[0]) for row in rows}


async def missing_topics(settings: Settings) -> set[str]:
    """Return the topics of the catalogue that the broker lacks. Raises ``Unavailable``."""
    async with TopicAdmin(settings.kafka.bootstrap) as admin:
        return set(wanted([settings.api.default_org_id])) - await admin.names()


STORES: dict[str, Missing] = {
    "PostgreSQL": missing_in_postgres,
    "ClickHouse": missing_in_clickhouse,
    "Kafka": missing_topics,
}


async def why_not(settings: Settings, stores: dict[str, Missing] | None = None) -> str:
    """Return what is missing in the first store that lacks something; empty: nothing."""
    for name, missing in (STORES if stores is None else stores).items():
        try:
            lacking = sorted(await missing(settings))
        except AgentFlowError as exc:
            return f"{name}: {exc}"
        if lacking:
            return f"{name} lacks {lacking[0]}" + (f" and {len(lacking) - 1} more" if lacking[1:] else "")
    return ""


async def wait(settings: Settings, seconds: float, stores: dict[str, Missing] | None = None) -> str:
    """Wait so long; return what is still missing, empty when nothing is. It writes each new reason."""
    deadline, said = time.monotonic() + seconds, ""
    while why := await why_not(settings, stores):
        if why != said:
            sys.stderr.write(f"waiting: {why}\n")
            said = why
        if time.monotonic() + PAUSE_S >= deadline:
            return why
        await asyncio.sleep(PAUSE_S)
    return ""


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.wait_for_schema", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=PATIENCE_S)
    seconds: float = parser.parse_args(arguments).seconds
    try:
        settings = Settings.from_env(os.environ)
    except ValueError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    if why := asyncio.run(wait(settings, seconds)):
        sys.stderr.write(f"not there after {seconds:g} s: {why}; run `python -m deploy.migrate up` of this version\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
