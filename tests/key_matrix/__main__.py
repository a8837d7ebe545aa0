"""``python -m tests.key_matrix``: try every operation with every caller; prints how many leaks there are, and each.

``python -m tests.key_matrix revoked`` prints for how many ms a revoked key works in other processes.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from connectors.clickhouse.client import ClickHouse
from deploy.local.engines import Endpoints, EngineStack
from tests.key_matrix.matrix import Found, control, tried
from tests.key_matrix.revoked import measured
from tests.key_matrix.stage import staged
from tests.support.api import migrated_database, running, settings_for, until_authenticated


async def play(endpoints: Endpoints, dsn: str, home: str) -> Found:
    """Try the matrix on an API of its own."""
    store = ClickHouse(endpoints.clickhouse_url, "matrix")
    await store.migrate()
    own = {"VAULT_KEY": "v" * 40, "OBJECTS_DIR": home, "CLICKHOUSE_DATABASE": store.database}
    settings = settings_for(dsn, endpoints.redis_url, endpoints.clickhouse_url, **own)
    async with running(settings) as api:
        await until_authenticated(api)
        stage = await staged(api, store)
        found = await tried(stage)
        unreached = await control(stage)
    await store.close()
    return Found(found.operations, found.tries, [*found.leaks, *unreached])


def main() -> int:
    """Return 0 when nothing leaks."""
    if sys.argv[1:] == ["revoked"]:
        print(f"{measured()} ms")
        return 0
    with (
        tempfile.TemporaryDirectory() as home,
        EngineStack(Path(home), {"postgres", "redis", "clickhouse"}, durable=False) as endpoints,
    ):
        dsn = migrated_database(endpoints.postgres_dsn)
        found = asyncio.run(play(endpoints, dsn, f"{home}/objects"))
    print(*found.leaks, sep="\n", file=sys.stderr)
    print(f"{len(found.leaks)} leaks, {found.tries} tries of {found.operations} operations")
    return 1 if found.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
