"""The login by a token: one message where it is taken; a refusal is acknowledged, and is never a login."""

import aiokafka.conn
import pytest
from aiokafka.errors import AuthenticationFailedError

from topics import clients
from topics.bearer import ACKNOWLEDGED, BearerAuthenticator

REFUSAL = b'{"status":"invalid_token"}'


class Provider:
    async def token(self) -> str:
        return "t0ken"


async def test_token_that_is_taken_ends_the_login() -> None:
    login = BearerAuthenticator(sasl_oauth_token_provider=Provider())
    assert await login.step(None) == (b"n,,\x01auth=Bearer t0ken\x01\x01", True)
    assert await login.step(b"") is None


async def test_refusal_is_acknowledged_so_that_the_broker_says_its_error() -> None:
    login = BearerAuthenticator(sasl_oauth_token_provider=Provider())
    await login.step(None)
    assert await login.step(REFUSAL) == (ACKNOWLEDGED, True)


async def test_broker_that_says_no_error_after_a_refusal_is_not_believed() -> None:
    login = BearerAuthenticator(sasl_oauth_token_provider=Provider())
    await login.step(None)
    await login.step(REFUSAL)
    with pytest.raises(AuthenticationFailedError):
        await login.step(REFUSAL)


def test_every_client_logs_in_by_it() -> None:
    assert clients.access("127.0.0.1:9092") == {"bootstrap_servers": "127.0.0.1:9092"}
    assert aiokafka.conn.OAuthAuthenticator is BearerAuthenticator
