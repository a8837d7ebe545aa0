"""The keys of configuration files, and the environment variable that each one sets.

Every setting has the key ``<group>.<field>`` of ``schemas.settings``; the keys of the guide stand beside them.
"""

from schemas.configuration.variables import FILE_SUFFIX
from schemas.settings import variables

#: A list of keys of the API, see ``schemas.configuration.seeded_keys``.
API_KEYS = "auth.api_keys"
#: A size such as 1GB, where the setting is in MiB.
CACHE_SIZE = "cache.max_size"

_GUIDE = {
    "server.host": "API_HOST",
    "server.port": "API_PORT",
    "server.access_log": "API_ACCESS_LOG",
    "database.url": "DATABASE_URL",
    "database.host": "DB_HOST",
    "database.port": "DB_PORT",
    "database.user": "DB_USER",
    "database.password": "DB_PASSWORD",
    "database.database": "DB_NAME",
    "database.ssl_mode": "DB_SSL_MODE",
    "redis.host": "REDIS_HOST",
    "redis.port": "REDIS_PORT",
    "redis.username": "REDIS_USERNAME",
    "redis.password": "REDIS_PASSWORD",
    "redis.tls": "REDIS_TLS",
    "redis.mode": "REDIS_MODE",
    "redis.sentinel_master": "REDIS_SENTINEL_MASTER",
    "redis.sentinel_password": "REDIS_SENTINEL_PASSWORD",
    "clickhouse.host": "CLICKHOUSE_HOST",
    "clickhouse.http_port": "CLICKHOUSE_HTTP_PORT",
    "clickhouse.user": "CLICKHOUSE_USER",
    "clickhouse.password": "CLICKHOUSE_PASSWORD",
    "clickhouse.secure": "CLICKHOUSE_SECURE",
    CACHE_SIZE: "CACHE_MAX_MB",
    API_KEYS: "API_KEYS",
}
#: Keys that the guide has and AgentFlow needs not, with what it uses instead.
UNUSED = {"clickhouse.port": "AgentFlow speaks HTTP with ClickHouse: clickhouse.http_port (8123) is the port it uses"}
_SECRET_PARTS = {"DB_PASSWORD", "REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD", "CLICKHOUSE_PASSWORD"}


def config_keys() -> dict[str, str]:
    """Return the variable of every key. A secret's key with ``_file`` names the file that holds it."""
    keys = {f"{one.group}.{one.field}": one.variable for one in variables().values()} | _GUIDE
    files = {f"{key}_file": variable + FILE_SUFFIX for key, variable in keys.items() if is_secret(variable)}
    return keys | files


def is_secret(variable: str) -> bool:
    """Return whether what a variable holds must not be shown."""
    setting = variables().get(variable)
    return variable in _SECRET_PARTS if setting is None else setting.secret
