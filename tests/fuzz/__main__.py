"""``python -m tests.fuzz [EXAMPLES]``: play generated requests, 25 an operation; prints how many answers are wrong."""

import asyncio
import sys
import tempfile
from pathlib import Path

from connectors.clickhouse.client import ClickHouse
from deploy.local.engines import Endpoints, EngineStack
from tests.fuzz.play import Played, play
from tests.key_matrix.stage import staged
from tests.support.api import migrated_database, running, settings_for, until_authenticated

EXAMPLES = 25


async def played_on(endpoints: Endpoints, dsn: str, home: str, examples: int) -> Played:
    """Play on an API of its own."""
    store = ClickHouse(endpoints.clickhouse_url, "fuzz")
    await store.migrate()
    more = {"CLICKHOUSE_DATABASE": "fuzz", "VAULT_KEY": "v" * 40, "OBJECTS_DIR": home}
    async with running(settings_for(dsn, endpoints.redis_url, endpoints.clickhouse_url, **more)) as api:
        await until_authenticated(api)
        played = await play(await staged(api, store), examples)
    await store.close()
    return played


def main() -> int:
    """Return 0 when nothing is wrong."""
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLES
    with (
        tempfile.TemporaryDirectory() as home,
        EngineStack(Path(home), {"postgres", "redis", "clickhouse"}, durable=False) as endpoints,
    ):
        dsn = migrated_database(endpoints.postgres_dsn)
        played = asyncio.run(played_on(endpoints, dsn, f"{home}/objects", examples))
    print(*played.faults, *played.undocumented, sep="\n", file=sys.stderr)
    print(f"statuses: {dict(sorted(played.statuses.items()))}", file=sys.stderr)
    print(f"{len(played.faults)} 5xx, {len(played.undocumented)} undocumented, {played.requests} requests")
    return 1 if played.faults or played.undocumented else 0


if __name__ == "__main__":
    sys.exit(main())
