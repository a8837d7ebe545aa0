"""Requests that are generated from the OpenAPI document: no 5xx, and no status that it does not name."""

from pathlib import Path

import pytest

from connectors.clickhouse.client import ClickHouse
from schemas.settings import Settings
from tests.fuzz.play import play
from tests.key_matrix.stage import staged
from tests.support.api import Running, settings_for


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse, tmp_path: Path) -> Settings:
    more = {"CLICKHOUSE_DATABASE": store.database, "VAULT_KEY": "v" * 40, "OBJECTS_DIR": str(tmp_path)}
    return settings_for(dsn, redis_url, clickhouse_url, **more)


@pytest.mark.parametrize("examples", [3, pytest.param(25, marks=pytest.mark.exhaustive)])
async def test_no_generated_request_has_an_answer_that_the_document_does_not_name(
    api: Running, store: ClickHouse, examples: int
) -> None:
    played = await play(await staged(api, store), examples)
    assert not played.faults, "\n".join(played.faults)
    assert not played.undocumented, "\n".join(played.undocumented)
    assert played.requests >= 76 * 2
