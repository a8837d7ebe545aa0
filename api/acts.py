"""Which requests are acts of administration, and how they and refused requests reach the audit log.

There is one seam: the route. ``recorded`` wraps the endpoint of an act, so that the act is in the log when the request
is known to be valid and its sender known to be allowed, and before anything is done. Which routes are acts is a table
here; a test has every other route that changes something in a list of its own, so that none is forgotten.
"""

import inspect
import re
import uuid
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, NamedTuple

import orjson
from fastapi import Request
from pydantic import BaseModel

from api.caller import Caller
from schemas.clock import now_ms
from schemas.errors import AgentFlowError, Forbidden
from schemas.policies.facts import AdminFacts, Key, Where
from schemas.records.base import Json
from schemas.records.definitions import AuditEvent
from services.security.auditing import Act, Auditing

METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Paths of routes, of which all that changes something is an act; below them, too.
ACTS = (
    "/api/v1/keys",
    "/api/v1/organisations",
    "/api/v1/projects",
    "/api/v1/budgets",
    "/api/v1/stops",
    "/api/v1/limits",
    "/api/v1/quotas",
    "/api/v1/prices/overrides",
    "/api/v1/providers/{name}/credentials",
    "/api/v1/providers/facts",
    "/api/v1/prompts/{name}/labels",
    "/api/v1/prompts/{name}/scoring",
    "/api/v1/prompts/{name}/deployments",
    "/api/v1/deployments",
    "/api/v1/optimizer",
    "/api/v1/cache",
    "/api/v1/admin",
    "/api/v1/audit",
    "/api/v1/webhooks",
    "/api/v1/secrets",
    "/api/v1/mcp/servers",
    "/api/v1/queues/{name}/tools",
    "/api/v1/retention",
    "/api/v1/triggers",
    "/api/v1/vault",
)
#: Of these only the deletion is an act.
DELETED = ("/api/v1/workflows/runs/{run_id}",)
#: The bodies of these have secrets, and are in no record.
SECRET = ("/api/v1/providers/{name}/credentials",)
#: More of a body than this is not recorded.
MOST_BODY = 4_096
_KEY = re.compile(r"af_([0-9a-f]{16})_")
#: What no log may have of a path: ids of persons, and addresses of webhooks, which are secrets.
_HIDDEN = re.compile(r"(/api/v1/(?:subjects|hooks)/)[^/?#\s]+")
_MARK = "__recorded__"
Endpoint = Callable[..., Awaitable[Any]]


class Sender(NamedTuple):
    """Who sends a request without a key: a system that knows the address of a trigger."""

    org_id: str
    actor: str


#: They record themselves, with what they change: an expiry's entry is what it does, an activation's names what it
#: replaces and is written in its transaction, an approval's names what was asked, an erasure's has the pseudonym. A
#: policy's test and that of a trigger change nothing.
ITSELF = (
    "/api/v1/audit/expire",
    "/api/v1/policies",
    "/api/v1/policies/active",
    "/api/v1/policies/test",
    "/api/v1/policies/{name}/activate",
    "/api/v1/subjects/{subject_id}/erase",
    "/api/v1/triggers/{trigger_id}/try",
    "/api/v1/workflows/runs/{run_id}/approvals",
)
#: Of these no rule decides: they change nothing.
TRIES = ("/api/v1/policies/test", "/api/v1/triggers/{trigger_id}/try")
#: What repairs a policy that denies too much. Who gives a reason may do it although a rule denies it.
GLASS = ("/api/v1/policies/active", "/api/v1/policies/{name}/activate")


def is_act(path: str, methods: set[str]) -> bool:
    """Return whether a route is an act."""
    if path in DELETED and "DELETE" in methods:
        return True
    return (
        bool(methods & METHODS)
        and path not in ITSELF
        and any(path == one or path.startswith(f"{one}/") for one in ACTS)
    )


def is_ruled(path: str, methods: set[str]) -> bool:
    """Return whether a route records itself, and rules decide on it as on an act."""
    return bool(methods & METHODS) and path in ITSELF and path not in TRIES


def recorded(path: str, endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that records its act first. One that does already is returned as it is."""
    if hasattr(endpoint, _MARK):
        return endpoint

    async def act(*, audited_request: Request, **arguments: Any) -> Any:
        who: Caller = audited_request.state.caller
        auditing: Auditing = audited_request.app.state.services.audit.auditing
        body = _body(path, arguments)
        said = _act(audited_request, who, path, endpoint.__name__, body)
        await decided(audited_request, who, said, body)
        event_id = await auditing.act(said)
        try:
            return await endpoint(**arguments)
        except AgentFlowError as exc:
            auditing.failed(said, event_id, f"{type(exc).__name__}: {exc}"[:500])
            raise

    return _asking(endpoint, act)


def ruled(path: str, endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that rules decide on first, and that records by itself what it does."""
    if hasattr(endpoint, _MARK):
        return endpoint

    async def act(*, audited_request: Request, **arguments: Any) -> Any:
        who: Caller = audited_request.state.caller
        body = _body(path, arguments)
        reason = arguments.get("break_glass") if path in GLASS else None
        said = _act(audited_request, who, path, endpoint.__name__, body)
        await decided(audited_request, who, said, body, reason)
        return await endpoint(**arguments)

    return _asking(endpoint, act)


def _asking(endpoint: Endpoint, act: Endpoint) -> Endpoint:
    """Return an act in the place of an endpoint: it takes the request besides what the endpoint takes."""
    signature = inspect.signature(endpoint)
    asked = inspect.Parameter("audited_request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    made = wraps(endpoint)(act)
    made.__signature__ = signature.replace(parameters=[*signature.parameters.values(), asked])  # type: ignore[attr-defined]
    setattr(made, _MARK, True)
    return made


def _body(path: str, arguments: dict[str, Any]) -> Json:
    """Return what was sent, as JSON values; ``None`` where it has secrets."""
    body = arguments.get("body")
    if not isinstance(body, BaseModel) or path in SECRET:
        return None
    said: Json = body.model_dump(mode="json", exclude_unset=True)
    return said


async def decided(request: Request, who: Caller, act: Act, body: Json, break_glass: str | None = None) -> None:
    """Let the organisation's policy decide on an act; what matched is in the audit log before the act is done.

    ``break_glass`` is why it is done although a rule denies it; that is an act of its own in the log.
    Raises ``Forbidden`` where it denies, and ``Unavailable`` where nobody can know or record it.
    """
    parts = request.app.state.services
    said = await parts.security.acting.ruling(_facts(request, who, act, body))
    if said is None or not said[0].decisions:
        return
    ruling, policy = said
    denies = ruling.verdict == "deny"
    broken = denies and break_glass is not None
    await parts.audit.auditing.event(
        AuditEvent(
            event_id=f"admin/{uuid.uuid4()}",
            org_id=act.org_id,
            actor=act.actor,
            action="policies.break_glass" if broken else "policies.admin",
            subject=act.subject,
            decision="denied" if denies and not broken else "allowed",
            reason=(break_glass or "") if broken else ruling.message if denies else "",
            at_ms=now_ms(),
            kind="admin" if broken else "decisions",
            policy=policy,
            decisions=list(ruling.decisions),
        )
    )
    if denies and not broken:
        how = "; to repair a policy, say why with break_glass" if act.details["path"] in GLASS else ""
        raise Forbidden(f"policy {policy} denies it: {ruling.message or 'a rule at admin'}{how}")


def _facts(request: Request, who: Caller, act: Act, body: Json) -> AdminFacts:
    key = Key(id=who.key_id, project=who.project or "", permissions=sorted(who.permissions), roles=who.roles)
    return AdminFacts(
        where=Where(org=who.org_id, key=key),
        operation=act.action,
        actor="key" if who.kind == "key" else "user",
        method=request.method,
        path=act.details["path"],
        subject=act.subject,
        body=body,
    )


def denied(request: Request, reason: str) -> None:
    """Note a request that was refused with 401 or 403. One without a known sender is of the first organisation."""
    audit = request.app.state.services.audit
    who: Caller | None = getattr(request.state, "caller", None)
    route = getattr(request.scope.get("route"), "path", "")
    sender: Sender | None = getattr(request.state, "sender", None)
    if who is None and sender is not None:
        org_id, actor = sender
    elif who is None:
        match = _KEY.search(request.headers.get("authorization", ""))
        org_id, actor = audit.default_org_id, f"unknown:{match[1]}" if match else "unknown"
    else:
        org_id, actor = who.org_id, who.actor
    details = {"method": request.method, "path": route}
    act = Act(org_id, actor, "requests.denied", nameless(request.url.path)[:200], details)
    audit.auditing.denied(act, reason[:500])


def nameless(path: str) -> str:
    """Return a path without the id of a person or the address of a webhook, which no log may have."""
    return _HIDDEN.sub(r"\1***", path)


def _act(request: Request, who: Caller, path: str, name: str, body: Json) -> Act:
    details = {"method": request.method, "path": path}
    if body is not None:
        given = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
        details["body"] = given[:MOST_BODY]
    if request.url.query:
        details["query"] = request.url.query[:MOST_BODY]
    subject = nameless(request.url.path).removeprefix("/api/v1/")[:200]
    return Act(who.org_id, who.actor, name, subject, details)
