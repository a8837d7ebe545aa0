"""Every client of an outside system is made by one module for each system; nothing else constructs one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PRODUCTION = ("schemas", "topics", "connectors", "services", "streams", "api", "deploy")

KAFKA, REDIS, POSTGRES = "topics/clients.py", "connectors/redis/client.py", "connectors/postgres/database.py"
CLICKHOUSE, NATS, HTTP, S3 = (
    "connectors/clickhouse/client.py",
    "connectors/nats/connecting.py",
    "connectors/http/clients.py",
    "connectors/objects/s3.py",
)
#: What makes a client, by the first words of its full name, and the one module that may call it.
MAKERS = {
    "aiokafka.AIOKafka": KAFKA,
    "aiokafka.admin.AIOKafka": KAFKA,
    "aiokafka.client.AIOKafkaClient": KAFKA,
    "redis.Redis": REDIS,
    "redis.from_url": REDIS,
    "redis.asyncio.Redis": REDIS,
    "redis.asyncio.from_url": REDIS,
    "redis.asyncio.ConnectionPool": REDIS,
    "redis.asyncio.BlockingConnectionPool": REDIS,
    "redis.asyncio.cluster.": REDIS,
    "redis.asyncio.sentinel.": REDIS,
    "asyncpg.connect": POSTGRES,
    "asyncpg.create_pool": POSTGRES,
    "asyncpg.Pool": POSTGRES,
    "psycopg.connect": POSTGRES,
    "clickhouse_connect.get_": CLICKHOUSE,
    "clickhouse_connect.create_": CLICKHOUSE,
    "nats.connect": NATS,
    "nats.NATS": NATS,
    "nats.aio.client.Client": NATS,
    "httpx.AsyncClient": HTTP,
    "httpx.Client": HTTP,
    "httpx.get": HTTP,
    "httpx.post": HTTP,
    "httpx.request": HTTP,
    "httpx.stream": HTTP,
    "httpcore.AsyncConnectionPool": HTTP,
    "httpcore.ConnectionPool": HTTP,
    "aiohttp.ClientSession": HTTP,
    "aiohttp.request": HTTP,
    "requests.": HTTP,
    "urllib.request.urlopen": HTTP,
    "obstore.store.S3Store": S3,
}
#: Tokens for the brokers are got below ``connectors``, as Kafka's clients are made there.
#: The launcher asks its own servers of Redis, one by one.
ALSO = {("topics/tokens.py", "httpx.AsyncClient"), ("deploy/local/engines/redis_servers.py", "redis.Redis")}
#: Where Faust is told of the brokers.
FAUST_SCHEME = "aiokafka://"


def names_of(tree: ast.AST) -> dict[str, str]:
    """What each imported name of a module stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def full_name(node: ast.expr, names: dict[str, str]) -> str:
    """The full name of what is called; empty for what is no plain name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute) and (base := full_name(node.value, names)):
        return f"{base}.{node.attr}"
    return ""


def made_in(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, full name and permitted module of each client that a module constructs."""
    tree = ast.parse(source)
    names = names_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := full_name(node.func, names)):
            for maker, home in MAKERS.items():
                if name.startswith(maker):
                    yield node.lineno, name, home
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and FAUST_SCHEME in node.value:
            yield node.lineno, FAUST_SCHEME, KAFKA


def test_every_client_is_made_by_the_factory_of_its_system() -> None:
    wrong, homes = [], set()
    for path in (path for package in PRODUCTION for path in sorted((ROOT / package).rglob("*.py"))):
        where = path.relative_to(ROOT).as_posix()
        for line, name, home in made_in(path.read_text(encoding="utf-8")):
            homes |= {home} & {where}
            if where != home and (where, name) not in ALSO:
                wrong.append(f"{where}:{line} makes {name}; let {home} make it")
    assert wrong == []
    assert homes == set(MAKERS.values())


@pytest.mark.parametrize(
    "source",
    [
        "from aiokafka import AIOKafkaProducer\nAIOKafkaProducer()",
        "import aiokafka as k\nk.AIOKafkaConsumer()",
        "from aiokafka.admin import AIOKafkaAdminClient as A\nA()",
        "from redis.asyncio import Redis\nRedis.from_url('x')",
        "import redis.asyncio\nredis.asyncio.from_url('x')",
        "def f():\n    import asyncpg\n    return asyncpg.connect('x')",
        "from httpx import AsyncClient\nAsyncClient()",
        "import faust\nfaust.App('x', broker=f'aiokafka://{host}')",
    ],
)
def test_client_is_found_however_it_is_named(source: str) -> None:
    assert list(made_in(source))


def test_names_in_annotations_are_no_clients() -> None:
    assert list(made_in("from redis.asyncio import Redis\ndef f(redis: Redis) -> Redis:\n    return redis")) == []
