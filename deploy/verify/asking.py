"""Asks the engines of a site how they are set up. Each function raises ``Unavailable`` when one does not answer."""

from collections.abc import Sequence

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from redis.exceptions import ResponseError

from connectors.postgres.database import Database
from connectors.redis.client import connect, connect_pipelined
from connectors.redis.errors import redis_errors
from connectors.redis.pipelined.address import Address, read_place
from deploy.verify.findings import Finding, RedisServer, of_differences, of_postgres, of_redis, of_topics
from schemas.configuration.kafka import Kafka
from schemas.errors import Unavailable
from schemas.settings import Settings
from topics import clients
from topics.admin import TopicAdmin
from topics.catalogue import wanted

_TIMEOUT_MS = 20_000
_REDIS = ("maxmemory-policy", "appendonly", "appendfsync", "min-replicas-to-write")


async def ask(settings: Settings) -> list[Finding]:
    """Return what is unsafe in all engines that must not lose anything."""
    found = [*await _topics(settings.kafka), *of_redis(await redis_servers(settings.redis.url.get_secret_value()))]
    if cache := settings.cache.url.get_secret_value():
        await _answers(cache)
    return [*found, *await postgres_findings(settings.postgres.dsn.get_secret_value())]


async def _topics(kafka: Kafka) -> list[Finding]:
    names = wanted()
    async with TopicAdmin(kafka.bootstrap) as admin:
        there = sorted((await admin.names()) & names.keys())
        differences = [str(one) for one in await admin.verify(names, kafka.partitions)]
    client = clients.admin(kafka.bootstrap, _TIMEOUT_MS)
    try:
        await client.start()
        described = await client.describe_topics(there) if there else []
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in there]
        answers = await client.describe_configs(resources) if resources else []
    except (KafkaError, OSError) as exc:
        raise Unavailable("kafka", f"read the settings of topics: {exc}") from exc
    finally:
        await client.close()
    replicas = {one["topic"]: min(len(part["replicas"]) for part in one["partitions"]) for one in described}
    settings = {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _code, _message, _kind, name, entries in answer.resources
    }
    in_sync = {name: int(found.get("min.insync.replicas") or 1) for name, found in settings.items()}
    unclean = [name for name, found in settings.items() if found.get("unclean.leader.election.enable") == "true"]
    return [*of_topics(replicas, in_sync, unclean), *of_differences(differences)]


async def redis_servers(url: str) -> Sequence[RedisServer]:
    """Return what each server of Redis says of its settings."""
    place = read_place(url)
    if place.kind == "single":
        return [await _server(url, str(place.seeds[0]))]
    client = connect_pipelined(url)
    try:
        with redis_errors("find the servers"):
            await client.ping()
        servers = client.servers
    finally:
        await client.aclose()
    return [await _server(_url_of(url, address), str(address)) for address in servers]


def _url_of(url: str, address: Address) -> str:
    """Return the URL of one of several servers, with the login and the certificates of all."""
    scheme, _, rest = url.partition("://")
    login, at, _ = rest.partition("?")[0].rpartition("@")
    query = url.partition("?")[2]
    tls = "&".join(part for part in query.split("&") if part.startswith("ssl_"))
    return f"{scheme.partition('+')[0]}://{login}{at}{address.host}:{address.port}" + (f"?{tls}" if tls else "")


async def _server(url: str, where: str) -> RedisServer:
    redis = connect(url)
    try:
        with redis_errors(f"read the settings of Redis at {where}"):
            replicas = int((await redis.info("replication")).get("connected_slaves", 0))
            try:
                found = {name: str((await redis.config_get(name)).get(name, "")) for name in _REDIS}
            except ResponseError:  # services that run Redis for others hide it
                return RedisServer(where, None, replicas)
    finally:
        await redis.aclose()
    return RedisServer(where, {name: value for name, value in found.items() if value}, replicas)


async def _answers(url: str) -> None:
    redis = connect(url)
    try:
        with redis_errors("ask the Redis of cached answers"):
            await redis.ping()
    finally:
        await redis.aclose()


async def postgres_findings(dsn: str) -> list[Finding]:
    """Return what is unsafe in PostgreSQL."""
    database = Database(dsn, max_connections=1, timeout_s=10.0)
    try:
        names = ("fsync", "full_page_writes", "synchronous_commit")
        rows = await database.fetch(
            "read the settings", "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])", list(names)
        )
        return list(of_postgres({str(row["name"]): str(row["setting"]) for row in rows}))
    finally:
        await database.close()
