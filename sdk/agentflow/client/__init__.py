"""The clients of the HTTP API: ``Client`` and ``AsyncClient``, with the same operations."""

from agentflow.client.aio.client import AsyncClient
from agentflow.client.response import Response
from agentflow.client.retries import Retries
from agentflow.client.sync.client import Client

__all__ = ["AsyncClient", "Client", "Response", "Retries"]
