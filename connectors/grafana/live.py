"""Grafana Live: measurements in Influx' line protocol are pushed to ``/api/live/push/<stream>``.

They are seen at once by those who look at the channel ``stream/<stream>/<measurement>``, and kept nowhere.
"""

import asyncio

import aiohttp

from connectors.http.clients import ServiceClient, service_client
from schemas.errors import Rejected, Unavailable

#: A push is worth little when it is late; the pushers' buffer has the rest.
TIMEOUT_S = 5.0
CONNECT_S = 2.0
#: What is read of an answer that says why.
_ANSWER_BYTES = 300


class GrafanaLive:
    """One stream. ``token`` is that of a service account that may publish, unless ``url`` has a user and a password.

    Neither is in an error or in a log.
    """

    def __init__(self, url: str, token: str, stream: str, timeout_s: float = TIMEOUT_S) -> None:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client: ServiceClient = service_client(url.rstrip("/"), headers, connections=1)
        self._path = f"/api/live/push/{stream}"
        self._timeout_s = timeout_s

    async def push(self, body: bytes) -> None:
        """Send lines. Raises ``Unavailable`` when it may work later, ``Rejected`` when these lines never will."""
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.request("POST", self._path, body, {}, CONNECT_S)
                try:
                    said = (await answer.content.read(_ANSWER_BYTES)).decode("utf-8", "replace")
                finally:
                    answer.release()
        except TimeoutError:
            raise Unavailable("grafana", f"no answer within {self._timeout_s:g} s") from None
        except (aiohttp.InvalidURL, ValueError):
            # Without the cause: it has the address, and a password may stand in that.
            raise Rejected("GRAFANA_URL is no address; write http://HOST:PORT or https://HOST") from None
        except (aiohttp.ClientError, OSError) as exc:
            raise Unavailable("grafana", str(exc) or type(exc).__name__) from exc
        if answer.status in (408, 425, 429) or answer.status >= 500:
            raise Unavailable("grafana", f"{answer.status}: {said}")
        if answer.status >= 300:
            why = said or "without a reason"
            raise Rejected(f"grafana answers {answer.status}: {why}; see GRAFANA_URL and GRAFANA_TOKEN")

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()
