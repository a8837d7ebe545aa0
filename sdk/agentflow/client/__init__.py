"""The clients of the HTTP API: ``Client`` and ``AsyncClient``, with the same operations.

Each is imported when it is first used: programs need one of them, and ``agentctl`` only what is below them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentflow.client.aio.client import AsyncClient
    from agentflow.client.response import Response
    from agentflow.client.retries import Retries
    from agentflow.client.sync.client import Client

__all__ = ["AsyncClient", "Client", "Response", "Retries"]

_PLACES = {
    "AsyncClient": "agentflow.client.aio.client",
    "Client": "agentflow.client.sync.client",
    "Response": "agentflow.client.response",
    "Retries": "agentflow.client.retries",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"module 'agentflow.client' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_PLACES[name]), name)
    return found
