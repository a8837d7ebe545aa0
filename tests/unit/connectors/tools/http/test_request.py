"""``http.request``: what it sends and returns, and all the places that it does not reach."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.tools import REGISTRY, ToolContext
from connectors.tools.environment import HttpRules, World, environment_of
from connectors.tools.http import response
from connectors.tools.http.egress import may_reach
from connectors.tools.http.request import Caller, Wanted, checked_url
from connectors.tools.http.response import retry_after_ms
from connectors.tools.secrets import NO_SECRETS, CallSecrets, ToolSecret
from connectors.tools.sites import site_of
from schemas.errors import StepError
from schemas.settings import Settings
from schemas.trace_context import context_headers
from tests.support.http_site import Site, site

TOKEN = "tok-5up3r-secret"
ADDRESSES = {
    "api.example.com": ["127.0.0.1"],
    "other.example.com": ["127.0.0.1"],
    "rebinding.example.com": ["10.0.0.7"],
    "metadata.example.com": ["169.254.169.254"],
    "mixed.example.com": ["127.0.0.1", "192.168.1.1"],
    "six.example.com": ["::1"],
    "mapped.example.com": ["::ffff:10.0.0.1"],
    # As the system's resolver reads them.
    "2130706433": ["127.0.0.1"],
    "0x0a.1": ["10.0.0.1"],
}


@pytest.fixture
async def web() -> AsyncIterator[Site]:
    async with site() as found:
        yield found


def rules(web: Site, **more: str) -> HttpRules:
    """Rules that allow the site under its names, and nothing else of this machine."""
    hosts = ",".join(f"http://{host}:{web.port}" for host in ADDRESSES)
    env = {"HTTP_ALLOW": hosts, "HTTP_ALLOW_NETWORKS": "127.0.0.1/32", "TOKEN": TOKEN} | more
    return environment_of(Settings.from_env(env), env).http


async def call(web: Site, path: str = "/", host: str = "api.example.com", **how: Any) -> dict[str, Any]:
    """Ask the site; ``rules`` and all of ``Wanted`` may be given."""

    async def look_up(name: str, port: int) -> list[str]:
        if name not in ADDRESSES:
            raise OSError("no such host")
        return ADDRESSES[name]

    chosen = how.pop("rules", None) or rules(web)
    options = {"follow": True, "any_status": False, "timeout_s": 10.0} | {
        name: how.pop(name) for name in ("follow", "any_status", "timeout_s") if name in how
    }
    wanted = {"method": "GET", "url": f"http://{host}:{web.port}{path}", "headers": {}, "content": None}
    secrets = how.pop("secrets", NO_SECRETS)
    return await Caller(chosen, "run:step:1", look_up, secrets=secrets).call(
        Wanted(**({"is_json": False} | wanted | how)),
        options["timeout_s"],
        follow=options["follow"],
        any_status=options["any_status"],
    )


async def refused(web: Site, *args: Any, **how: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        await call(web, *args, **how)
    return caught.value


async def test_a_request_and_its_answer(web: Site) -> None:
    web.say("/a", body='{"n": 1}', content_type="application/json", x_one="1")
    found = await call(web, "/a?q=é", method="POST", content=b'{"x":2}', is_json=True, headers={"X-Test": "yes"})
    assert (found["status"], found["body"], found["encoding"]) == (200, {"n": 1}, "json")
    assert found["headers"]["x-one"] == "1"
    (asked,) = web.asked
    assert (asked.method, asked.target, asked.body) == ("POST", "/a?q=%C3%A9", b'{"x":2}')
    assert asked.headers["idempotency-key"] == "run:step:1"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["host"] == f"api.example.com:{web.port}"
    assert asked.headers["x-test"] == "yes"
    assert asked.headers["accept-encoding"] == "identity"


async def test_texts_and_bytes(web: Site) -> None:
    web.say("/text", body="Größe", content_type="text/plain")
    web.say("/bytes", body=b"\xff\x00")
    web.say("/odd", body="{NaN", content_type="application/json")
    web.say("/deep", body="[" * 5_000 + "]" * 5_000, content_type="application/vnd.x+json")
    assert (await call(web, "/deep"))["encoding"] == "text"
    assert (await call(web, "/text"))["body"] == "Größe"
    found = await call(web, "/bytes")
    assert (found["body"], found["encoding"]) == ("/wA=", "base64")
    assert (await call(web, "/odd"))["encoding"] == "text"


@pytest.mark.parametrize(
    ("status", "again"),
    [(404, False), (400, False), (401, False), (409, False), (408, True), (425, True), (429, True), (500, True),
     (503, True), (501, False), (505, False), (304, False)],
)  # fmt: skip
async def test_statuses_are_classed(web: Site, status: int, again: bool) -> None:
    web.say("/x", status, body="what went wrong" if status != 304 else "", retry_after="7")
    error = await refused(web, "/x")
    assert (error.code, error.retryable) == (f"http_{status}", again)
    assert error.retry_after_ms == (7_000 if again else None)
    assert error.details == {"status": str(status)}
    assert (await call(web, "/x", any_status=True))["status"] == status


@pytest.mark.parametrize(
    ("said", "ms"),
    [
        ("0", 0),
        ("120", 120_000),
        ("99999999999999999999", 3_600_000),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30_000),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str | None, ms: int | None) -> None:
    assert retry_after_ms(said, datetime(2026, 11, 25, 12, tzinfo=UTC)) == ms


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://api.example.com/",
        "http://api.example.com/",
        "http://evil.example.com:{port}/",
        "http://api.example.com.evil.org:{port}/",
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://API.example.org:{port}",
    ],
)
async def test_hosts_that_are_not_listed_are_not_asked(web: Site, url: str) -> None:
    error = await refused(web, url=url.format(port=web.port))
    assert (error.code, error.retryable, web.asked) == ("forbidden_host", False, [])


@pytest.mark.parametrize(
    "url",
    ["", "api.example.com", "ftp://api.example.com/", "file:///etc/passwd", "http://", "http://[::1", "http://a:99999/",
     "http://u:p@api.example.com/", "gopher://x/"],
)  # fmt: skip
async def test_what_is_no_url_is_refused(web: Site, url: str) -> None:
    assert (await refused(web, url=url)).code == "bad_arguments"


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/\x7f"])
async def test_a_url_smuggles_nothing(web: Site, path: str) -> None:
    error = await refused(web, path)
    assert error.code in ("bad_arguments", "http_404")
    assert all("x" not in asked.headers for asked in web.asked)


@pytest.mark.parametrize("host", sorted(ADDRESSES.keys() - {"api.example.com", "other.example.com"}))
async def test_names_that_lead_to_private_addresses_are_not_asked(web: Site, host: str) -> None:
    """Each is on the list of hosts, and its address is on no list."""
    networks = "127.0.0.1/32" if host == "mixed.example.com" else ""
    error = await refused(web, host=host, rules=rules(web, HTTP_ALLOW_NETWORKS=networks))
    assert (error.code, error.retryable, web.asked) == ("forbidden_address", False, [])


async def test_loopback_itself_needs_to_be_allowed(web: Site) -> None:
    error = await refused(web, rules=rules(web, HTTP_ALLOW_NETWORKS=""))
    assert (error.code, web.asked) == ("forbidden_address", [])


@pytest.mark.parametrize("written", ["127.0.0.1", "[::1]", "0.0.0.0", "[::]"])
async def test_every_way_to_write_an_address_is_checked(web: Site, written: str, tmp_path: Path) -> None:
    """These are resolved by the system: listed or not, nothing of this machine is reached."""
    allowed = (
        environment_of(Settings.from_env({"HTTP_ALLOW": f"http://{written}:{web.port}"}), {})
        if "[" not in written
        else World()
    )
    context = ToolContext("acme", "run", "step", "key", tmp_path, LocalObjects(tmp_path), allowed)
    with pytest.raises(StepError) as caught:
        await REGISTRY.call("tool", "http.request", {"url": f"http://{written}:{web.port}/"}, context)
    assert caught.value.code in ("forbidden_address", "forbidden_host", "unreachable")
    assert web.asked == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
     "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
     "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:db8::1"],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not may_reach(address, ())


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_that_are_public(address: str) -> None:
    assert may_reach(address, ())


def test_a_network_may_be_allowed_and_only_that() -> None:
    networks = environment_of(Settings.from_env({"HTTP_ALLOW_NETWORKS": "10.1.0.0/16, fd00::/8"}), {}).http.networks
    found = [may_reach(a, networks) for a in ("10.1.2.3", "10.2.0.1", "::ffff:10.1.0.1", "fd00::1", "169.254.169.254")]
    assert found == [True, False, True, True, False]


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://127.0.0.1:{port}/", "forbidden_host"),
        ("http://169.254.169.254/latest/meta-data", "forbidden_host"),
        ("//localhost:{port}/", "forbidden_host"),
        ("http://rebinding.example.com:{port}/", "forbidden_address"),
        ("file:///etc/passwd", "bad_arguments"),
        ("http://u:p@api.example.com:{port}/", "bad_arguments"),
    ],
)
async def test_redirects_are_checked_like_the_first_url(web: Site, location: str, code: str) -> None:
    web.say("/go", 302, location=location.format(port=web.port))
    assert (await refused(web, "/go")).code == code
    assert len(web.asked) == 1


async def test_redirects_are_followed_within_bounds(web: Site) -> None:
    web.say("/one", 302, location="/two")
    web.say("/two", 307, location=f"http://other.example.com:{web.port}/three")
    web.say("/three", body="here")
    found = await call(web, "/one")
    assert (found["body"], found["url"]) == ("here", f"http://other.example.com:{web.port}/three")
    assert (await call(web, "/one", follow=False, any_status=True))["status"] == 302
    web.say("/round", 302, location="/round")
    assert (await refused(web, "/round")).code == "too_many_redirects"


@pytest.mark.parametrize(("status", "method", "body"), [(302, "GET", b""), (303, "GET", b""), (307, "POST", b"x")])
async def test_methods_after_a_redirect(web: Site, status: int, method: str, body: bytes) -> None:
    web.say("/go", status, location="/end")
    web.say("/end")
    await call(web, "/go", method="POST", content=b"x")
    assert (web.asked[1].method, web.asked[1].body) == (method, body)
    assert web.asked[1].headers["idempotency-key"] == "run:step:1"


def own_secrets(web: Site, host: str = "api.example.com") -> CallSecrets:
    async def opened(_: str) -> dict[str, ToolSecret]:
        return {"SHOP": ToolSecret(TOKEN, (site_of(f"http://{host}:{web.port}"),))}

    return CallSecrets("acme", "http.request", opened)


async def test_an_organisations_secret_is_sent_and_never_shown(web: Site) -> None:
    long = "x" * 1_995 + TOKEN
    web.say("/echo", body=f"you sent Bearer {TOKEN}", x_echo=TOKEN, x_cut=long)
    headers = {"Authorization": "Bearer ${SECRET:SHOP}"}
    found = await call(web, "/echo", secrets=own_secrets(web), headers=headers)
    assert web.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert found["body"] == "you sent Bearer ${SECRET:SHOP}"
    assert found["headers"]["x-echo"] == "${SECRET:SHOP}"
    assert TOKEN[:5] not in str(found)


async def test_an_organisations_secret_goes_to_its_hosts_only(web: Site) -> None:
    headers = {"X-Key": "${SECRET:SHOP}"}
    error = await refused(web, "/a", host="other.example.com", secrets=own_secrets(web), headers=headers)
    assert (error.code, error.retryable, web.asked) == ("unknown_secret", False, [])
    web.say("/go", 302, location=f"http://other.example.com:{web.port}/end")
    web.say("/end", body="here")
    await call(web, "/go", secrets=own_secrets(web), headers=headers)
    assert web.asked[0].headers["x-key"] == TOKEN
    assert "x-key" not in web.asked[1].headers


async def test_a_failed_request_does_not_show_half_of_a_secret(web: Site) -> None:
    """The text of an error is cut at 500 characters."""
    web.say("/bad", 400, body="y" * 495 + TOKEN)
    error = await refused(web, "/bad", secrets=own_secrets(web), headers={"X-Key": "${SECRET:SHOP}"})
    assert TOKEN[:4] not in str(error)


async def test_a_secret_is_sent_and_never_shown(web: Site) -> None:
    web.say("/echo", body=f"you sent Bearer {TOKEN}", x_echo=TOKEN)
    secret = rules(web, HTTP_SECRETS="TOKEN@api.example.com")
    headers = {"Authorization": "Bearer ${ENV:TOKEN}"}
    found = await call(web, "/echo", rules=secret, headers=headers)
    assert web.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in str(found)
    assert found["body"] == "you sent Bearer ${ENV:TOKEN}"
    web.say("/echo", 500, body=f"bad {TOKEN}", location=TOKEN)
    error = await refused(web, "/echo", rules=secret, headers=headers)
    assert "bad ${ENV:TOKEN}" in str(error)
    assert TOKEN not in str(error)
    assert TOKEN not in repr(secret)


@pytest.mark.parametrize("listed", ["", "OTHER", "TOKEN@other.example.com"])
async def test_only_listed_secrets_go_to_their_host(web: Site, listed: str) -> None:
    error = await refused(
        web, rules=rules(web, HTTP_SECRETS=listed, OTHER="x"), headers={"Authorization": "${ENV:TOKEN}"}
    )
    assert (error.code, web.asked) == ("unknown_secret", [])
    assert TOKEN not in str(error)


async def test_personal_headers_do_not_follow_to_another_host(web: Site) -> None:
    web.say("/go", 302, location=f"http://other.example.com:{web.port}/end")
    web.say("/end")
    secret = rules(web, HTTP_SECRETS="TOKEN")
    headers = {"Authorization": "mine", "Cookie": "c=1", "X-Key": "${ENV:TOKEN}", "X-Plain": "p"}
    await call(web, "/go", rules=secret, headers=headers)
    first, second = (asked.headers for asked in web.asked)
    assert (first["authorization"], first["cookie"], first["x-key"]) == ("mine", "c=1", TOKEN)
    assert second.keys() & {"authorization", "cookie", "x-key"} == set()
    assert second["x-plain"] == "p"


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "a\r\nX-B: b"}, {"X A": "b"}, {"X-A\n": "b"}, {"Host": "evil"}, {"Content-Length": "5"},
     {"Idempotency-Key": "mine"}, {"Transfer-Encoding": "chunked"}, {"X": "x" * 20_000}, {"X": "\u20ac"},
     {f"X-{n}": "" for n in range(65)}],
)  # fmt: skip
async def test_headers_that_are_not_the_nodes_to_set(web: Site, headers: dict[str, str]) -> None:
    assert (await refused(web, headers=headers)).code == "bad_arguments"
    assert web.asked == []


async def test_a_huge_answer_is_not_read(web: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "MAX_BYTES", 1_000)
    web.say("/announced", body=b"x", content_length=str(10**12))
    web.say("/fits", body=b"x" * 1_000)
    web.answers["/endless"] = b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n" + b"x" * 5_000
    web.answers["/chunked"] = (
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n" + b"3e9\r\n" + b"x" * 1001 + b"\r\n"
    )
    assert len((await call(web, "/fits"))["body"]) == 1_000
    for path in ("/announced", "/endless", "/chunked"):
        error = await refused(web, path)
        assert (error.code, error.retryable) == ("too_large", False)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 X\r\ncontent-length: nonsense\r\n\r\n",
        b"HTTP/1.1 200 X\r\ncontent-length: -5\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
        b"HTTP/1.1 200 X\r\n" + b"x: " + b"y" * 200_000,
    ],
)
async def test_answers_that_are_none_may_be_tried_again(web: Site, raw: bytes) -> None:
    web.answers["/lie"] = raw
    error = await refused(web, "/lie")
    assert (error.code, error.retryable) == ("unreachable", True)


async def test_a_host_that_hangs_or_is_not_there(web: Site) -> None:
    web.answers["/hangs"] = None
    error = await refused(web, "/hangs", timeout_s=0.1)
    assert (error.code, error.retryable) == ("timeout", True)
    host = f"http://gone.example.com:{web.port}"
    error = await refused(web, url=f"{host}/", rules=rules(web, HTTP_ALLOW=host))
    assert (error.code, error.retryable) == ("unreachable", True)


async def test_a_host_without_tls_is_no_https(web: Site) -> None:
    where = f"https://api.example.com:{web.port}"
    error = await refused(web, url=f"{where}/", rules=rules(web, HTTP_ALLOW=where))
    assert error.code in ("unreachable", "bad_certificate")
    assert web.asked == []


async def test_the_tool_itself(web: Site, tmp_path: Path) -> None:
    web.say("/a", body="yes")
    place = f"http://127.0.0.1:{web.port}"
    world = environment_of(Settings.from_env({"HTTP_ALLOW": place, "HTTP_ALLOW_NETWORKS": "127.0.0.0/8"}), {})
    context = ToolContext("acme", "run", "step", "run:step:1", tmp_path, LocalObjects(tmp_path), world)
    args = {"url": f"{place}/a", "method": "PUT", "body": {"a": 1}}
    assert (await REGISTRY.call("tool", "http.request", args, context))["body"] == "yes"
    assert (web.asked[0].body, web.asked[0].headers["content-type"]) == (b'{"a": 1}', "application/json")
    closed = ToolContext("acme", "run", "step", "run:step:1", tmp_path, LocalObjects(tmp_path))
    with pytest.raises(StepError) as caught:
        await REGISTRY.call("tool", "http.request", args, closed)
    assert caught.value.code == "forbidden_host"


async def test_a_request_names_the_span_of_its_call_unless_it_names_another(web: Site, tmp_path: Path) -> None:
    web.say("/a", body="yes")
    place = f"http://127.0.0.1:{web.port}"
    world = environment_of(Settings.from_env({"HTTP_ALLOW": place, "HTTP_ALLOW_NETWORKS": "127.0.0.0/8"}), {})
    trace = context_headers("a" * 32, "b" * 16, "vendor=1")
    context = ToolContext("acme", "run", "step", "k", tmp_path, LocalObjects(tmp_path), world, trace)
    for headers in ({}, {"Traceparent": "mine"}):
        await REGISTRY.call("tool", "http.request", {"url": f"{place}/a", "headers": headers}, context)
    first, second = (one.headers for one in web.asked)
    assert (first["traceparent"], first["tracestate"]) == (trace["traceparent"], "vendor=1")
    assert second["traceparent"] == "mine"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_ALLOW", "https://"),
        ("HTTP_ALLOW", "ftp://x"),
        ("HTTP_ALLOW", "*"),
        ("HTTP_ALLOW", "a b"),
        ("HTTP_ALLOW", "x:y"),
        ("HTTP_ALLOW", "x/path"),
        ("HTTP_ALLOW_NETWORKS", "10.0.0.1/8"),
        ("HTTP_ALLOW_NETWORKS", "all"),
        ("HTTP_SECRETS", "NOT_SET"),
        ("HTTP_SECRETS", "a-b"),
    ],
)
def test_settings_that_are_wrong_say_so(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        environment_of(Settings.from_env({name: value}), {})


@pytest.mark.parametrize(
    ("entry", "url", "allowed"),
    [
        ("api.example.com", "https://api.example.com/x", True),
        ("api.example.com", "https://api.example.com:443/x", True),
        ("api.example.com", "https://API.EXAMPLE.COM./x", True),
        ("api.example.com", "http://api.example.com/x", False),
        ("api.example.com", "https://api.example.com:8443/x", False),
        ("api.example.com:8443", "https://api.example.com:8443/x", True),
        ("*.example.com", "https://a.b.example.com/", True),
        ("*.example.com", "https://example.com/", False),
        ("*.example.com", "https://badexample.com/", False),
        ("http://inside:8080", "http://inside:8080/", True),
    ],
)
def test_sites_cover_scheme_host_and_port(entry: str, url: str, allowed: bool) -> None:
    given = environment_of(Settings.from_env({"HTTP_ALLOW": entry}), {}).http
    if allowed:
        assert checked_url(url, given).geturl() == url
    else:
        with pytest.raises(StepError, match="HTTP_ALLOW"):
            checked_url(url, given)


def test_certificates_are_checked() -> None:
    from connectors.http.clients import _tls

    assert (_tls().verify_mode, _tls().check_hostname) == (ssl.CERT_REQUIRED, True)
