"""What the ingress and the scheduler know of prices: what workers do, those of custom providers included."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from connectors.postgres.money.price_lists import ListVersion
from connectors.providers.custom.registry import CUSTOM
from connectors.tools import REGISTRY
from schemas.price_lists import PriceList, StoredPriceList
from schemas.settings import Settings
from streams.process.context import RoleContext
from streams.roles.submission_path import stored_prices

PROVIDER = """
from agentflow import GenerateRequest, provider

@provider("pathparrot", models={"grey": ("1000", "0")})
def generate(request: GenerateRequest) -> str:
    return "x"
"""
NOW_MS = 1_795_305_600_000


class Lists:
    """A store of one organisation's list."""

    def __init__(self, *lists: StoredPriceList) -> None:
        self._lists = lists

    async def after(self, org_id: str, version: int) -> list[ListVersion]:
        return [ListVersion(one, "key", 0) for one in self._lists if org_id == "acme"]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RoleContext]:
    file = tmp_path / "mytools.py"
    file.write_text(PROVIDER)
    settings = Settings.from_env({"TOOLS": str(file), "POSTGRES_DSN": "postgresql://nobody"})
    yield RoleContext(
        settings=settings,
        env={},
        log=None,  # type: ignore[arg-type]
        redis=None,  # type: ignore[arg-type]
        registry=CollectorRegistry(),
        takes=None,  # type: ignore[arg-type]
        stack=AsyncExitStack(),
    )
    CUSTOM.discard("pathparrot")
    REGISTRY.problems.clear()


async def test_a_submission_knows_the_prices_that_custom_providers_state(
    context: RoleContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = stored_prices(context, None)  # type: ignore[arg-type]
    entry = {"provider": "pathparrot", "model": "grey", "input_usd_per_mtok": "2", "output_usd_per_mtok": "0"}
    rules = PriceList.model_validate({"prices": [entry]})
    lists = Lists(StoredPriceList(version=1, effective_from_ms=NOW_MS, rules=rules))
    monkeypatch.setattr(found, "_store", lists)
    stated = await found.of("other", NOW_MS)
    assert stated.estimate("pathparrot", "grey", 1_000, 10, NOW_MS) == 1_000 * 1_000_000
    listed = await found.of("acme", NOW_MS)
    assert listed.estimate("pathparrot", "grey", 1_000, 10, NOW_MS) == 1_000 * 2_000
