"""No key reaches more than it may: every operation of the OpenAPI document, tried by every kind of caller."""

from pathlib import Path

import pytest

from connectors.clickhouse.client import ClickHouse
from schemas.settings import Settings
from tests.key_matrix.matrix import control, tried
from tests.key_matrix.stage import staged
from tests.support.api import Running, settings_for


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse, tmp_path: Path) -> Settings:
    own = {"VAULT_KEY": "v" * 40, "OBJECTS_DIR": str(tmp_path), "CLICKHOUSE_DATABASE": store.database}
    return settings_for(dsn, redis_url, clickhouse_url, **own)


async def test_no_caller_reaches_what_it_may_not(api: Running, store: ClickHouse) -> None:
    stage = await staged(api, store)
    found = await tried(stage)
    assert not found.leaks, "\n".join(found.leaks)
    assert found.operations == sum(len(methods) for methods in api.app.openapi()["paths"].values())
    # The same requests do reach the owner's things with its own key, so that a refusal above proves something.
    assert (left := await control(stage)) == [], "\n".join(left)
