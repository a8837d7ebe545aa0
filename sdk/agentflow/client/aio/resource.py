"""What the groups of operations share."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from agentflow.answer import Answer
from agentflow.client.aio.transport import AsyncTransport
from agentflow.client.configuration import Configuration
from agentflow.client.operations import OPERATIONS
from agentflow.client.reading import checked, read
from agentflow.client.request import Param, Request
from agentflow.client.response import Response

A = TypeVar("A", bound=Answer)
Body = Mapping[str, Any] | list[Any] | str | int | float | bool | None


class AsyncSender(Protocol):
    """What a group needs of its client."""

    configuration: Configuration
    transport: AsyncTransport

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Param] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        repeat: bool | None = None,
        time_limit: float | None = None,
    ) -> Response:
        """Send a request and return its raw answer."""

    def prepared(self, method: str, path: str, headers: dict[str, str]) -> Request:
        """Return a request to stream."""


class AsyncResource:
    """A group of operations, such as ``client.budgets``."""

    def __init__(self, client: AsyncSender) -> None:
        self._client = client

    async def _ask(self, answer: type[A], name: str, *ids: str, **request: Any) -> A:
        """Return the answer of an operation as a model. ``request`` as ``AsyncClient.request`` takes it."""
        operation = OPERATIONS[name]
        return read(answer, await self._client.request(operation.method, operation.at(*ids), **request))

    async def _raw(self, name: str, *ids: str, **request: Any) -> Response:
        """Return the raw answer of an operation. Raises ``APIError`` of an error answer."""
        operation = OPERATIONS[name]
        return checked(await self._client.request(operation.method, operation.at(*ids), **request))


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not ``None``."""
    return {name: value for name, value in fields.items() if value is not None}
