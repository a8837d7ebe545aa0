"""Personal data at the worker, on a real Redis: what a provider reads, and what the log has of it."""

from typing import Any

import pytest

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Asked
from connectors.tools import Registry
from schemas.errors import StepError
from schemas.payload import Inline
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.security.pinned import ToolSecurity
from schemas.records.steps import AgentTurn, StepRequest, ToolResult, TurnBefore
from tests.support.policies import TRUSTED, definition, security
from tests.support.privacy import TOKEN, FakeDetectors, Vault, redactors
from tests.support.worker import Bench, function, llm, tool
from topics.catalogue import AUDIT_EVENTS

TOKENS: dict[str, Json] = {"id": "mails", "kinds": ["email"], "action": "token", "at": ["log", "provider", "trace"]}
KEYS: dict[str, Json] = {"id": "keys", "classes": ["secret"], "action": "mask", "at": ["log", "provider", "trace"]}
ALLOW: dict[str, Json] = {"id": "all", "at": "tool_call", "when": "true", "verdict": "allow"}
SEND = ToolSecurity(source=TRUSTED, effects=True, sinks={"to": "recipient", "text": "content"})
MAIL = "ann@acme.org"


class Private:
    """A bench whose organisation has a policy with a section ``privacy``."""

    def __init__(self, bench: Bench, section: dict[str, Json], *rules: Json) -> None:
        document: dict[str, Json] = {"name": "guard", "rules": [ALLOW, *rules], "privacy": section}
        self.bench, self.vault, self.detectors = bench, Vault(), FakeDetectors()
        bench.redactors = redactors(self.vault, self.detectors)
        bench.policies.apply(definition(bench.org, document))
        bench.policies.mark_loaded()
        self.hash = read_policy(document).hash
        self.bench.registry = Registry()

    def request(self, work: Any, args: dict[str, Json], **changes: Any) -> StepRequest:
        fields = {"policy_hash": self.hash, "tool": None, "args": {"$": TRUSTED}} | changes.pop("said", {})
        secured = security(**fields)
        return self.bench.request(work, args=args, security=secured, **changes)

    async def outcome(self, request: StepRequest) -> Any:
        await self.bench.ask(request)
        await self.bench.worker().start()
        (result,) = await self.bench.finished(1)
        return result

    def clear(self, value: str = MAIL) -> list[str]:
        """Return the topics in which a value stands in clear."""
        appended = [record for records in self.bench.log.appends for record in records]
        return [one.topic for one in appended if value.encode() in (one.value or b"")]


async def test_a_provider_and_the_log_have_tokens_alone(bench: Bench) -> None:
    private = Private(bench, {"redact": [TOKENS, KEYS]})
    result = await private.outcome(private.request(llm(), {"word": f"write to {MAIL} with sk-abcdefgh1"}))
    assert isinstance(result, StepSucceeded), result
    (asked,) = bench.provider.asked
    assert MAIL not in asked.prompt
    assert TOKEN.search(asked.prompt)
    assert asked.prompt.endswith("***")
    # What the model said about it is in the log as it was said, and stands for the same value.
    assert TOKEN.search(result.output.value)
    assert private.clear() == private.clear("sk-abcdefgh1") == []
    (token,) = TOKEN.findall(result.output.value)
    assert await private.vault.values_of(bench.org, [token]) == {token: MAIL}


async def test_what_was_decided_is_in_the_audit_log_without_values(bench: Bench) -> None:
    private = Private(bench, {"redact": [TOKENS]})
    await private.outcome(private.request(llm(), {"word": MAIL}))
    (event,) = bench.audited()
    decided = [(one.point, one.rule, one.verdict, one.reason) for one in event.decisions]
    assert ("model_call", "privacy:mails", "redact", "found 1 email") in decided


async def test_an_answer_is_redacted_before_the_log_and_what_stays_is_labelled(bench: Bench) -> None:
    private = Private(bench, {"redact": [{**TOKENS, "at": ["log"]}]})
    bench.provider.reply = lambda _: f"{MAIL} has the card 4111111111111111"
    result = await private.outcome(private.request(llm(), {"word": "x"}))
    assert result.output.value.endswith("has the card 4111111111111111")
    assert TOKEN.match(result.output.value)
    assert result.output.labels == {"$": ["trusted", "class:card"]}


async def test_results_and_errors_of_tools_are_redacted(bench: Bench) -> None:
    private = Private(bench, {"redact": [TOKENS]})

    @bench.registry.tool("crm.find", blocking=False)
    def find(*, who: str) -> Json:
        if who == "nobody":
            raise StepError("not_found", f"no {MAIL} here", details={"who": MAIL})
        return {"found": [MAIL, 1]}

    found = await private.outcome(private.request(tool("crm.find"), {"who": "ann"}))
    assert TOKEN.fullmatch(found.output.value["found"][0])
    await bench.ask(private.request(tool("crm.find"), {"who": "nobody"}))
    _, failed = await bench.finished(2)
    assert isinstance(failed, StepFailed)
    assert TOKEN.search(failed.error.message)
    assert TOKEN.fullmatch(failed.error.details["who"])
    assert private.clear() == []


async def test_an_agent_asks_for_tools_with_tokens_and_reads_tokens(bench: Bench) -> None:
    private = Private(bench, {"redact": [TOKENS]})

    @bench.registry.tool("mail.read", blocking=False)
    def read(*, to: str) -> str:
        return to

    def asks(request: ModelRequest) -> tuple[Asked, ...]:
        return (Asked("c", "mail.read", {"to": MAIL}),)

    bench.provider.asks = asks
    before = Inline(value={"text": "", "tool_calls": [{"id": "b", "name": "mail.read", "args": {"to": MAIL}}]})
    earlier = TurnBefore(said=before, results=[ToolResult(output=Inline(value=f"from {MAIL}", labels={"$": TRUSTED}))])
    work = AgentTurn(call=llm(), tools=["mail.read"], before=[earlier])
    request = private.request(work, {"word": MAIL}, said={"agent": True, "context": TRUSTED}, step_id="step/turn-2")
    result = await private.outcome(request)
    assert isinstance(result, StepSucceeded), result
    (asked,) = bench.provider.asked
    (turn,) = asked.turns
    assert TOKEN.search(turn.results[0])
    assert TOKEN.fullmatch(turn.asked[0].args["to"])
    (use,) = result.tool_calls
    assert TOKEN.fullmatch(use.args["to"])
    assert result.output.value["tool_calls"][0]["args"] == use.args
    assert private.clear() == []


async def test_captured_requests_and_responses_are_redacted(bench: Bench) -> None:
    private = Private(bench, {"redact": [{**TOKENS, "at": ["trace"]}]})
    await private.outcome(private.request(llm(), {"word": MAIL}))
    (asked,) = bench.provider.asked
    assert MAIL in asked.prompt
    (call,) = bench.calls()
    assert isinstance(call.request, Inline)
    assert TOKEN.search(call.request.value["prompt"])
    assert isinstance(call.response, Inline)
    assert TOKEN.search(call.response.value["text"])


async def test_a_denied_text_fails_its_step_and_no_provider_is_asked(bench: Bench) -> None:
    private = Private(bench, {"redact": [{**TOKENS, "action": "deny"}]})
    request = private.request(llm(), {"word": MAIL}, retry_on=["privacy_refused"])
    result = await private.outcome(request)
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("privacy_refused", False)
    assert bench.provider.asked == []
    assert "denial" in [event.kind for event in bench.audited()]


async def test_named_arguments_of_tools_get_values_and_the_audit_log_says_so_first(bench: Bench) -> None:
    rule: dict[str, Json] = {"id": "mail", "tools": ["mail.*"], "arguments": ["to"], "kinds": ["email"]}
    private = Private(bench, {"redact": [TOKENS], "restore": {"tools": [rule]}})
    sent = []

    @bench.registry.tool("mail.send", blocking=False)
    def send(*, to: list[str], text: str) -> str:
        sent.append((to, text))
        return f"sent to {to[0]}"

    (token,) = await private.vault.tokens_for(bench.org, None, [("email", MAIL)])
    (card,) = await private.vault.tokens_for(bench.org, None, [("card", "4111")])
    request = private.request(tool("mail.send"), {"to": [token, card], "text": f"for {token}"}, said={"tool": SEND})
    result = await private.outcome(request)
    assert sent == [([MAIL, card], f"for {token}")]
    assert result.output.value == f"sent to {token}"
    first, *_ = bench.audited()
    assert [(one.rule, one.verdict) for one in first.decisions] == [
        ("privacy:mail", "allow"),
        ("all", "allow"),
    ]
    assert [record.topic for record in bench.log.appends[0]] == [AUDIT_EVENTS]
    assert private.clear() == []


async def test_rules_decide_by_the_classes_of_what_is_put_back(bench: Bench) -> None:
    rule: dict[str, Json] = {"id": "mail", "tools": ["mail.*"], "arguments": ["to"]}
    deny: dict[str, Json] = {"id": "no", "at": "tool_call", "when": "'pii' in args.to.classes", "verdict": "deny"}
    private = Private(bench, {"redact": [TOKENS], "restore": {"tools": [rule]}}, deny)
    (token,) = await private.vault.tokens_for(bench.org, None, [("email", MAIL)])
    result = await private.outcome(private.request(tool("mail.send"), {"to": token}))
    assert isinstance(result, StepFailed)
    assert result.error.code == "policy_denied"


@pytest.mark.parametrize("broken", ["vault", "detectors", "none"])
async def test_what_cannot_be_looked_at_goes_to_no_provider(bench: Bench, broken: str) -> None:
    private = Private(bench, {"redact": [TOKENS]})
    private.vault.down = broken == "vault"
    private.detectors.fault = RuntimeError(MAIL) if broken == "detectors" else None
    if broken == "none":
        bench.redactors = None
    result = await private.outcome(private.request(llm(), {"word": MAIL}))
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("privacy_failed", broken == "vault")
    assert bench.provider.asked == []
    assert private.clear() == []


async def test_an_output_waits_for_the_vault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    private = Private(bench, {"redact": [{**TOKENS, "at": ["log"]}]})
    called = []

    @bench.registry.function("give", blocking=False)
    def give() -> str:
        called.append(1)
        private.vault.down = True
        return MAIL

    sleep = type(bench.clock).sleep

    async def comes_back(clock: Any, seconds: float) -> None:
        private.vault.down = False
        await sleep(clock, 0)

    monkeypatch.setattr(type(bench.clock), "sleep", comes_back)
    result = await private.outcome(private.request(function("give"), {}))
    assert isinstance(result, StepSucceeded), result
    assert TOKEN.fullmatch(result.output.value)
    assert called == [1]


async def test_a_run_without_the_section_asks_no_detector(bench: Bench) -> None:
    private = Private(bench, {"redact": [TOKENS]})
    request = bench.request(llm(), args={"word": MAIL})
    result = await private.outcome(request)
    assert isinstance(result, StepSucceeded)
    assert private.detectors.asked == 0
