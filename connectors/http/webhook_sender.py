"""Sends webhooks: one POST to a checked address, with a time limit; redirects are not followed.

The host is resolved once, and the connection goes to one of those very addresses (``connectors.tools.http.egress``), so
neither a private address nor a second answer of a name server leads inside.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore

from connectors.http.clients import guarded_pool
from connectors.tools.environment import IpNetwork
from connectors.tools.http.egress import GuardedBackend, Resolve, may_reach, resolve
from schemas.errors import StepError

#: A receiver should answer at once and work later; that is what the specification asks of it, too.
TIMEOUT_S = 15.0
CONNECT_S = 5.0
#: Of an answer only the beginning is read, for the list of deliveries.
MOST_ANSWER = 2_048
AGENT = "agentflow-webhooks/1"


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a request: the status, or else ``error``. ``retry_after`` is the header's text.

    ``refused`` means that it was not sent, since its address may not be reached.
    """

    status: int | None = None
    error: str = ""
    retry_after: str = ""
    refused: bool = False


class WebhookSender:
    """``networks`` are private networks that may be reached nevertheless."""

    def __init__(self, networks: tuple[IpNetwork, ...], look_up: Resolve = resolve) -> None:
        self._networks = networks
        self._look_up = look_up

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Send; whatever goes wrong is in the answer."""
        sent = {"content-type": "application/json", "user-agent": AGENT, **headers}
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._post(url, body, [(name.encode(), value.encode()) for name, value in sent.items()])
        except TimeoutError:
            return Answered(error=f"no answer within {TIMEOUT_S:g} s")
        except StepError as exc:
            return Answered(error=str(exc), refused=True)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as exc:
            return Answered(error=(str(exc) or type(exc).__name__)[:200])

    async def _post(self, url: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> Answered:
        extensions = {"timeout": {"connect": CONNECT_S}}
        async with (
            guarded_pool(GuardedBackend(self._networks, self._look_up)) as pool,
            pool.stream("POST", url, headers=headers, content=body, extensions=extensions) as response,
        ):
            text = await _beginning(response)
            if 200 <= response.status < 300:
                return Answered(response.status)
            named = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            said = f"status {response.status}: {text}"[:200]
            return Answered(response.status, said, named.get(b"retry-after", ""))


def url_fault(url: str, networks: tuple[IpNetwork, ...]) -> str | None:
    """Return why a URL cannot be a webhook's; ``None`` if it can. Names are resolved when something is sent."""
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError:
        return "it is not a URL"
    if place.scheme not in ("https", "http") or not place.hostname:
        return "give a URL such as https://example.com/hooks"
    if place.username or place.password or place.fragment:
        return "it must have neither a user nor a fragment; requests are signed instead"
    if not url.isascii() or any(character <= " " for character in url):
        return "write it in ASCII, percent-encoded, its host in Punycode"
    if port == 0:
        return "port 0 is none"
    literal = _address(place.hostname)
    if literal is not None and not may_reach(literal, networks):
        return "it is an address of a private network; an operator may allow the network with HTTP_ALLOW_NETWORKS"
    if place.scheme == "http" and (literal is None or may_reach(literal, ())):
        return "use https: events are not sent in clear through other networks"
    return None


def _address(host: str) -> str | None:
    try:
        may_reach(host, ())
    except ValueError:
        return None
    return host


async def _beginning(response: httpcore.Response) -> str:
    data = b""
    async for chunk in response.aiter_stream():
        data += chunk
        if len(data) >= MOST_ANSWER:
            break
    return data[:MOST_ANSWER].decode(errors="replace")
