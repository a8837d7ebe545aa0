"""What nobody can decide is never allowed: a policy that is broken, a label that nobody knows, on a real Redis."""

from typing import Any

import pytest
from msgspec import structs

from connectors.tools import Registry
from schemas.records.base import Json
from schemas.records.definitions import Definition
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.security.pinned import ToolSecurity
from schemas.records.steps import StepRequest
from services.security.enforcement.known import hash_of
from tests.support.policies import DOCUMENT, MAIL, TRUSTED, definition, security
from tests.support.worker import Bench, tool

#: Documents that no registration would store, as a broken producer, or a newer release, may write them.
BROKEN: dict[str, dict[str, Json]] = {
    "a syntax error": DOCUMENT | {"rules": [{"id": "r", "at": "tool_call", "when": "args.to.", "verdict": "deny"}]},
    "an unknown variable": DOCUMENT | {"rules": [{"id": "r", "at": "tool_call", "when": "arg.to", "verdict": "deny"}]},
    "an unknown field": DOCUMENT | {"allow_all": True},
    "an unknown verdict": DOCUMENT | {"rules": [{"id": "r", "at": "tool_call", "when": "true", "verdict": "wave"}]},
    "an unknown pack": DOCUMENT | {"extends": ["generous"]},
    "an unknown label": DOCUMENT | {"tools": {"mail.send": {"source": ["honest"]}}},
    "no rules at all": {"name": "guard", "rules": []},
}


@pytest.fixture
def mails(bench: Bench) -> list[str]:
    """The recipients of the mails that were sent."""
    sent: list[str] = []
    bench.registry = Registry()

    @bench.registry.tool("mail.send", blocking=False)
    def send(*, to: str, text: str) -> str:
        sent.append(to)
        return f"{text} to {to}"

    bench.policies.apply(definition(bench.org))
    bench.policies.mark_loaded()
    return sent


def to_mail(bench: Bench, **said: Any) -> StepRequest:
    return bench.request(tool("mail.send"), args={"to": "ann", "text": "Hello"}, security=security(**said))


async def result_of(bench: Bench, request: StepRequest) -> Any:
    await bench.ask(request)
    await bench.worker("w1").start()
    (result,) = await bench.finished(1)
    return result


async def test_the_same_call_passes_with_a_good_policy_and_known_labels(bench: Bench, mails: list[str]) -> None:
    assert isinstance(await result_of(bench, to_mail(bench)), StepSucceeded)
    assert mails == ["ann"]


@pytest.mark.parametrize("what", sorted(BROKEN))
async def test_a_broken_policy_allows_nothing(bench: Bench, mails: list[str], what: str) -> None:
    document = BROKEN[what]
    bench.policies.apply(Definition(kind="policy", org_id=bench.org, id="guard", body=document, changed_at_ms=1))
    result = await result_of(bench, to_mail(bench, policy_hash=hash_of(document)))
    assert isinstance(result, StepFailed)
    assert (result.error.code in {"policy_failed", "policy_denied"}, result.error.retryable) == (True, False)
    assert "guard@1" in result.error.message
    assert mails == []


@pytest.mark.parametrize(
    "said",
    [
        {"args": {"$": ["honest"]}},
        {"args": {"$": TRUSTED, "$.to": ["trusted", "clas:pii"]}},
        {"args": {"$": TRUSTED, "to": TRUSTED}},
        {"control": ["honest"]},
        {"args": {}},
        {"tool": ToolSecurity(declared=False, effects=True), "args": {"$": ["web"]}},
    ],
    ids=str,
)
async def test_a_label_that_nobody_knows_is_trusted_least(bench: Bench, mails: list[str], said: Any) -> None:
    strict = structs.replace(MAIL, sinks={"to": "recipient", "text": "recipient"})
    rules: list[Json] = [
        {"id": "no-web", "at": "tool_call", "when": "sinks.exists(s, !s.trusted) || control.integrity > USER",
         "verdict": "deny"},
        {"id": "all", "at": "tool_call", "when": "true", "verdict": "allow"},
    ]  # fmt: skip
    document: dict[str, Json] = {"name": "guard", "rules": rules}
    found = definition(bench.org, document)
    bench.policies.apply(found)
    request = to_mail(bench, **({"tool": strict} | said | {"policy_hash": hash_of(found.body)}))
    result = await result_of(bench, request)
    assert isinstance(result, StepFailed)
    assert result.error.code in {"policy_failed", "policy_denied"}
    assert not result.error.retryable
    assert mails == []
