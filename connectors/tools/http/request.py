"""``http.request``: one request to a host that the installation allows, see ``HTTP_ALLOW``.

The host is checked by name, every address that it has by number, and both again on each redirect. A header may name a
secret of the environment, ``Bearer ${ENV:NAME}``, if ``HTTP_SECRETS`` lists it; what is recorded of the step has the
name and not the secret. The attempt's idempotency key is sent as ``Idempotency-Key``, and its span as ``traceparent``.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore
from pydantic import Field

from connectors.http.clients import guarded_pool
from connectors.tools.context import ToolContext
from connectors.tools.environment import HttpRules
from connectors.tools.http.egress import GuardedBackend, Resolve, resolve
from connectors.tools.http.headers import checked_headers, without_secrets
from connectors.tools.http.response import Answer, answer_of, failed
from connectors.tools.registry import tool
from connectors.tools.secrets import NO_SECRETS, CallSecrets, references
from schemas.errors import StepError

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

MAX_REDIRECTS = 5
NO_HEADERS: Mapping[str, str] = {}
MAX_CONNECT_S = 10.0
MAX_RESPONSE_BYTES = 8 * 1024 * 1024
_SEE_OTHER = 303
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Where a redirect of a POST is followed with a GET, as every browser does.
_BECOMES_GET = frozenset({301, 302})


@tool(
    "http.request",
    source="web",
    effects=True,
    sinks={"url": "url", "method": "command", "headers": "content", "body": "content"},
    reads_when={"method": ["", "GET", "HEAD", "OPTIONS"]},
)
async def request(
    context: ToolContext,
    *,
    url: str,
    method: Method = "GET",
    headers: dict[str, str] | None = None,
    body: Any = None,
    timeout_ms: Annotated[int, Field(ge=1, le=300_000)] = 30_000,
    follow_redirects: bool = True,
    any_status: bool = False,
) -> dict[str, Any]:
    """Make a request and return ``status``, ``headers``, ``body``, ``encoding`` (json, text or base64) and ``url``.

    A ``body`` that is a text is sent as it is, any other value as JSON. A status of 300 or more fails the step, unless
    ``any_status``: 408, 425, 429 and those over 499 may be retried, after what ``Retry-After`` says.
    """
    wanted = Wanted(method, url, headers or {}, _content(body), not isinstance(body, str) and body is not None)
    caller = Caller(context.world.http, context.idempotency_key, resolve, context.trace_headers, context.secrets)
    return await caller.call(wanted, timeout_ms / 1000, follow=follow_redirects, any_status=any_status)


@dataclass(frozen=True)
class Wanted:
    """What is to be asked."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None
    is_json: bool


class Caller:
    """Makes requests within rules. ``look_up`` finds the addresses of a host."""

    def __init__(
        self,
        rules: HttpRules,
        idempotency_key: str,
        look_up: Resolve,
        trace_headers: Mapping[str, str] = NO_HEADERS,
        secrets: CallSecrets = NO_SECRETS,
    ) -> None:
        self._rules = rules
        self._key = idempotency_key
        self._look_up = look_up
        self._trace_headers = trace_headers
        self._secrets = secrets

    async def call(self, wanted: Wanted, timeout_s: float, *, follow: bool, any_status: bool) -> dict[str, Any]:
        """Return the answer. Raises ``StepError``; no secret is in either."""
        # The client closes what it gives up by itself; canceled in a TLS handshake it would not.
        timeouts = {"connect": min(MAX_CONNECT_S, 0.8 * timeout_s)}
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._follow(wanted, timeouts, follow=follow)
        except TimeoutError as exc:
            raise StepError("timeout", f"no whole answer within {timeout_s:g} s", retryable=True) from exc
        except httpcore.TimeoutException as exc:
            raise StepError("timeout", "the host did not answer in time", retryable=True) from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as exc:
            raise _unreachable(exc) from exc
        # Before anything is cut: a part of a secret would not be found.
        headers = self._secrets.cleaned(without_secrets(answer.headers, self._rules.secrets))
        answer = replace(answer, headers=headers)
        shown = self._secrets.cleaned(without_secrets(answer.shown(), self._rules.secrets))
        if not any_status and not answer.is_success:
            raise failed(answer, shown)
        found: dict[str, Any] = shown
        return found

    async def _follow(self, wanted: Wanted, timeouts: dict[str, float], *, follow: bool) -> Answer:
        first = checked_url(wanted.url, self._rules)
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._once(wanted, first, timeouts)
            location = answer.headers.get("location")
            if not follow or answer.status not in _REDIRECTS or not location:
                return answer
            wanted = _redirected(wanted, answer.status, urljoin(wanted.url, location))
        raise StepError("too_many_redirects", f"over {MAX_REDIRECTS} redirects; ask for {wanted.url} itself")

    async def _once(self, wanted: Wanted, first: SplitResult, timeouts: dict[str, float]) -> Answer:
        place = checked_url(wanted.url, self._rules)
        at_home = (place.scheme, place.hostname, place.port) == (first.scheme, first.hostname, first.port)
        named = [name for value in wanted.headers.values() for name in references(value)] if at_home else []
        own = await self._secrets.for_site(named, place)
        headers = checked_headers(wanted.headers, self._rules.secrets, place.hostname or "", at_home=at_home, own=own)
        if wanted.is_json and not any(name == b"content-type" for name, _ in headers):
            headers.append((b"content-type", b"application/json"))
        headers.append((b"idempotency-key", self._key.encode()))
        given = {name for name, _ in headers}
        sent = ((name.encode(), value.encode()) for name, value in self._trace_headers.items())
        headers += [(name, value) for name, value in sent if name not in given]
        backend = GuardedBackend(self._rules.networks, self._look_up)
        async with guarded_pool(backend) as pool:
            target = _encoded(place)
            async with pool.stream(
                wanted.method, target, headers=headers, content=wanted.content, extensions={"timeout": timeouts}
            ) as response:
                return await answer_of(response, wanted.url)


def checked_url(url: str, rules: HttpRules) -> SplitResult:
    """Return a URL's parts. Raises a final ``StepError``: ``bad_arguments``, ``forbidden_host``."""
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError as exc:
        raise StepError("bad_arguments", f"the url is not one: {exc}") from exc
    if place.scheme not in ("http", "https") or not place.hostname or port == 0:
        raise StepError("bad_arguments", "the url must begin with https:// or http:// and a host")
    if place.username is not None or place.password is not None:
        raise StepError("bad_arguments", "the url has a user or password; use a header and ${SECRET:NAME}")
    if not rules.allows(place):
        where = f"{place.scheme}://{place.hostname}" + (f":{port}" if port else "")
        raise StepError(
            "forbidden_host", f"{where} is not among the hosts that tools may ask; an operator adds it to HTTP_ALLOW"
        )
    return place


def _redirected(wanted: Wanted, status: int, url: str) -> Wanted:
    to_get = status == _SEE_OTHER or (status in _BECOMES_GET and wanted.method == "POST")
    if to_get and wanted.method != "HEAD":
        return Wanted("GET", url, wanted.headers, None, is_json=False)
    return Wanted(wanted.method, url, wanted.headers, wanted.content, wanted.is_json)


def _encoded(place: SplitResult) -> httpcore.URL:
    """Return the URL as bytes; what is not ASCII is sent in UTF-8, percent-encoded."""
    if place.hostname is None:
        raise StepError("bad_arguments", "the url names no host")
    try:
        host = place.hostname.encode("ascii")
    except UnicodeEncodeError:
        raise StepError("bad_arguments", "write the host in ASCII (xn--…)") from None
    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    if any(ord(char) <= 0x20 or ord(char) == 0x7F for char in target):
        raise StepError("bad_arguments", "the url has spaces or control characters; encode them as %20 and such")
    encoded = b"".join(bytes([b]) if b < 0x80 else b"%%%02X" % b for b in target.encode())
    return httpcore.URL(scheme=place.scheme.encode(), host=host, port=place.port, target=encoded)


def _content(body: Any) -> bytes | None:
    if body is None:
        return None
    data = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    if len(data) > MAX_RESPONSE_BYTES:
        raise StepError("too_large", f"the body has {len(data)} bytes, the most is {MAX_RESPONSE_BYTES}")
    return data


def _unreachable(exc: Exception) -> StepError:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return StepError("bad_certificate", f"the host's certificate is not trusted: {cause.verify_message}")
        cause = cause.__cause__ or cause.__context__
    what = str(exc) or type(exc).__name__
    return StepError("unreachable", f"the host does not answer as it should: {what[:300]}", retryable=True)
