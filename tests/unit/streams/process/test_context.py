"""What a process opens it closes, the last first, whatever closing raises; and it asks only what its roles need."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry

from connectors.kafka.log import KafkaLog
from connectors.ports.pubsub import NoPubSub
from connectors.redis.client import connect
from schemas.settings import Settings
from streams.process.context import RoleContext
from streams.process.metrics import TakeTimes
from streams.process.probes import probes
from streams.roles.registry import ROLES

NOBODY = {"KAFKA_BOOTSTRAP": "127.0.0.1:1", "REDIS_URL": "redis://:s3cr3t@127.0.0.1:1/0"}


def context(stack: AsyncExitStack, **variables: str) -> RoleContext:
    settings, registry = Settings.from_env(NOBODY | variables), CollectorRegistry()
    return RoleContext(
        settings=settings,
        env=variables,
        log=KafkaLog(settings.kafka.bootstrap),
        redis=connect(settings.redis.url.get_secret_value()),
        registry=registry,
        takes=TakeTimes(registry),
        stack=stack,
    )


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_last_opened_is_closed_first_and_failures_keep_nothing_open(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []

    async def close(name: str, *, fails: bool = False) -> None:
        closed.append(name)
        if fails:
            raise OSError(f"{name} is gone")

    with caplog.at_level(logging.WARNING, "streams.process.context"):
        async with AsyncExitStack() as stack:
            ctx = context(stack)
            ctx.on_close(lambda: close("first"))
            ctx.on_close(lambda: close("second", fails=True))
            ctx.on_close(lambda: close("third"))
    assert closed == ["third", "second", "first"]
    assert ["second is gone" in record.getMessage() for record in caplog.records] == [True]


async def test_without_a_url_of_nats_there_is_no_bus(stack: AsyncExitStack) -> None:
    assert isinstance(context(stack).bus("worker"), NoPubSub)


@pytest.mark.parametrize(
    ("roles", "asked"),
    [
        (["live"], ["kafka"]),
        (["history", "analytics"], ["kafka", "postgres", "clickhouse"]),
        (["scheduler", "worker"], ["kafka", "redis", "postgres"]),
        (list(ROLES), ["kafka", "redis", "postgres", "clickhouse"]),
    ],
)
async def test_what_is_asked_is_what_the_roles_need(stack: AsyncExitStack, roles: list[str], asked: list[str]) -> None:
    assert list(probes(context(stack), [ROLES[role] for role in roles])) == asked


async def test_nats_is_asked_where_there_is_one_and_a_role_uses_it(stack: AsyncExitStack) -> None:
    ctx = context(stack, NATS_URL="nats://127.0.0.1:1")
    assert list(probes(ctx, [ROLES["live"]])) == ["kafka", "nats"]
    assert list(probes(ctx, [ROLES["history"]])) == ["kafka", "postgres"]


async def test_a_vault_of_its_own_is_asked_by_roles_that_use_it(stack: AsyncExitStack) -> None:
    ctx = context(stack, VAULT_DSN="postgresql://nobody@127.0.0.1:1/vault")
    assert list(probes(ctx, [ROLES["worker"]])) == ["kafka", "redis", "vault"]
    assert list(probes(ctx, [ROLES["history"]])) == ["kafka", "postgres"]


async def test_secrets_are_not_in_the_context_as_text(stack: AsyncExitStack) -> None:
    assert "s3cr3t" not in repr(context(stack, API_KEY="s3cr3t", KEY_PEPPER="s3cr3t"))


@pytest.mark.parametrize("role", [name for name in ROLES if name not in ("worker", "admission")])
async def test_role_is_built_of_default_settings_while_nothing_is_there(stack: AsyncExitStack, role: str) -> None:
    app = ROLES[role].build(context(stack))
    assert not app.crashed
    assert app.lags() == {}


@pytest.mark.parametrize(
    ("role", "variable", "value"),
    [("worker", "WORKER_QUEUES", ","), ("worker", "HTTP_ALLOW", "a b"), ("ingress", "OBJECTS_URL", "ftp://x")],
)
async def test_wrong_setting_is_a_value_error_that_names_it(
    stack: AsyncExitStack, role: str, variable: str, value: str
) -> None:
    ctx = context(stack, **{variable: value})
    with pytest.raises(ValueError, match=variable):
        ROLES[role].build(ctx)
