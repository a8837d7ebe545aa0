"""How the app is served."""

import httpx
from fastapi import FastAPI

from api.app import server_config
from schemas.settings import Settings

#: Usual load balancers close a connection that was idle for so long.
BALANCER_S = 60


def test_clients_close_idle_connections_before_the_server_does() -> None:
    config = server_config(FastAPI(), Settings.from_env({}))
    assert config.timeout_keep_alive > max(BALANCER_S, httpx.Limits().keepalive_expiry or 0)
