"""Fixtures of the API tests: settings, and a running API with an in-memory log. A module overrides what differs."""

from collections.abc import AsyncIterator

import pytest

from schemas.settings import Settings
from tests.support.api import Running, running, settings_for, until_authenticated


@pytest.fixture
def settings(dsn: str, redis_url: str) -> Settings:
    """The settings of an API on the session's engines."""
    return settings_for(dsn, redis_url)


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Running]:
    """A running API that knows its first key."""
    async with running(settings) as found:
        await until_authenticated(found)
        yield found
