# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Sends a request, and sends it again where that is safe, until its time limit."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from agentflow.client.cells import cell_of, given_cells
from agentflow.client.request import Request
from agentflow.client.response import Response
from agentflow.client.retries import Retries, may_repeat, uniform
from agentflow.errors import NoAnswer, TimedOut

#: A connection is there within seconds or not at all.
_CONNECT_S = 10.0
#: Of an open stream. The server sends a comment every 15 s.
_SILENCE_S = 40.0
#: Nothing of the request arrived.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Transport:
    """The connection to one address. ``http`` are arguments of the client of httpx, such as ``transport``.

    An organisation may move to another cell. Its address takes the place of the first one, if ``AGENTFLOW_CELLS`` has
    it.
    """

    def __init__(self, base_url: str, timeout_s: float, retries: Retries, **http: Any) -> None:
        self._http = httpx.Client(base_url=base_url, **{"follow_redirects": False, **http})
        self._address = base_url
        self._timeout_s = timeout_s
        self._cells = given_cells()
        self.retries = retries

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def send(self, request: Request, timeout_s: float | None = None) -> Response:
        """Return the answer, also an error answer.

        Raises ``NoAnswer`` when no attempt had one, and ``TimedOut`` when ``timeout_s`` is over.
        """
        deadline = time.monotonic() + (timeout_s or self._timeout_s)
        for attempt in range(1, self.retries.most + 2):
            answer = self._attempt(request, attempt, deadline)
            last = attempt > self.retries.most
            if isinstance(answer, Response):
                if not last and self._goes_to_its_cell(answer):
                    continue
                if last or not may_repeat(answer.status, safe=request.safe):
                    return answer
                pause_s = self.retries.pause_s(attempt, answer.retry_after_s, uniform)
                if time.monotonic() + pause_s >= deadline:
                    return answer
            else:
                if last or not may_repeat(None, safe=request.safe, sent=answer.sent):
                    raise answer
                pause_s = self.retries.pause_s(attempt, None, uniform)
                if time.monotonic() + pause_s >= deadline:
                    said = f"{answer}; that was attempt {attempt}, and the time limit is over"
                    raise TimedOut(said, idempotency_key=request.key) from answer
            time.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _goes_to_its_cell(self, answer: Response) -> bool:
        """Use the cell that an answer names from now on; return whether it is one that was given."""
        address = cell_of(answer.status, answer.headers, self._cells)
        if address is None or address == self._address:
            return False
        self._http.base_url = address
        self._address = address
        return True

    def _attempt(self, request: Request, attempt: int, deadline: float) -> Response | NoAnswer:
        left_s = deadline - time.monotonic()
        timeout = httpx.Timeout(left_s, connect=min(left_s, _CONNECT_S))
        try:
            found = self._http.request(
                request.method,
                request.path,
                params=dict(request.params),
                headers=dict(request.headers),
                content=request.content,
                timeout=timeout,
            )
        except httpx.TimeoutException as exc:
            if time.monotonic() >= deadline:
                said = f"{request.method} {self._address}{request.path} had no answer within its time limit"
                raise TimedOut(f"{said}; raise timeout", idempotency_key=request.key) from exc
            return self._no_answer(request, attempt, exc)
        except httpx.TransportError as exc:
            return self._no_answer(request, attempt, exc)
        return _response(found, found.content, request, attempt)

    def _no_answer(self, request: Request, attempt: int, exc: httpx.TransportError) -> NoAnswer:
        said = f"{request.method} {self._address}{request.path}: {str(exc) or type(exc).__name__}"
        fix = "is the API running there, and is the address right?"
        return NoAnswer(
            f"{said}; {fix}", sent=not isinstance(exc, _UNSENT), attempts=attempt, idempotency_key=request.key
        )

    @contextmanager
    def stream(self, request: Request) -> Iterator[tuple[Response, Iterator[str]]]:
        """Open a stream once: its head, and its lines. The body of an error answer is in the response.

        Raises ``NoAnswer``, also in the middle, when the connection ends before the stream does.
        """
        timeout = httpx.Timeout(_SILENCE_S, connect=_CONNECT_S)
        try:
            with self._http.stream(
                request.method,
                request.path,
                params=dict(request.params),
                headers=dict(request.headers),
                timeout=timeout,
            ) as found:
                content = b"" if found.is_success else found.read()
                yield _response(found, content, request, 1), found.iter_lines()
        except httpx.TransportError as exc:
            raise self._no_answer(request, 1, exc) from exc


def _response(found: httpx.Response, content: bytes, request: Request, attempt: int) -> Response:
    headers = {name.lower(): value for name, value in found.headers.items()}
    return Response(found.status_code, headers, content, headers.get("x-request-id", request.id), attempt)
