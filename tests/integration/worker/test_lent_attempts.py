"""Leases on a real Redis, with the log in memory: what becomes of an attempt when somebody is gone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry

from connectors.memory.engine import MemoryLog
from connectors.ports.engine import OutRecord
from connectors.redis.claims.lease_desk import LeaseDesk
from connectors.redis.claims.lent_attempts import LentAttempts, read_lease
from connectors.redis.keys import runs_slot
from schemas.errors import Conflict, NotFound, StepError, Unavailable
from schemas.metrics import LEASES_ENDED_TOTAL, LEASES_GIVEN_TOTAL
from schemas.payload import inline
from schemas.policies.document import Policy
from schemas.policies.read import read_policy
from schemas.records.base import Json, Record
from schemas.records.definitions import AuditEvent
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.security.pinned import Approval, ToolSecurity
from schemas.records.steps import FunctionCall, LlmCall, StepRequest, StepSecurity, ToolCall
from services.runs.attempts.lent_policies import LentPolicies
from services.runs.attempts.lent_private import LentPrivacy
from services.runs.attempts.lent_results import LentResults
from services.runs.attempts.model_guard import LentModelGuard
from services.runs.attempts.tool_guard import ToolGuard
from services.runs.leasing.leases import Completion, Leased, LeaseRequest, LentRules, StepLeases
from services.security.compliance.known import KnownFacts
from streams.roles.leases.guard import LendingGuard
from streams.roles.leases.lending import Lending
from streams.roles.leases.metrics import LeaseMetrics
from streams.roles.leases.queue_reader import LeaseParts, QueueReader
from streams.roles.worker.producer import Outbox
from streams.runtime.routing import to_out
from tests.support.policies import DOCUMENT, TRUSTED, WEB, definition, security
from tests.support.privacy import TOKEN, Vault, redactors
from tests.support.worker import RUN_PARTITIONS, Bench, Pump, until_async
from topics.catalogue import dlq, lane

TOPIC = lane("silver")
WORK = ToolCall(name="theirs")
SHORT_MS, LONG_MS = 150, 60_000


class Served:
    """A queue with its role, and the API's part of it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.claims = LentAttempts(bench.redis, RUN_PARTITIONS)
        self.desk = LeaseDesk(bench.redis)
        self.stored = Known()
        self.api = self.another_api()
        self.readers: list[QueueReader] = []

    def another_api(self, private: LentPrivacy | None = None) -> StepLeases:
        results = LentResults(LentPolicies(self.stored), self.bench.clock)
        rules = LentRules(private, results)
        return StepLeases(self.desk, self.claims, self.bench.objects, self.bench.log, rules=rules)

    async def role(self) -> Pump:
        """Start a role of leases."""
        outbox, self.registry = Outbox(self.bench.log, self.bench.clock), CollectorRegistry()

        async def say(records: Sequence[Record]) -> None:
            await outbox.send([to_out(one) for one in records])

        guard = ToolGuard(self.bench.policies, say, self.bench.clock)
        facts = KnownFacts()
        facts.mark_loaded()
        models = LentModelGuard(self.bench.policies, facts, self.bench.clock)
        asks = LendingGuard(guard, models, self.bench.objects, say, self.bench.clock)
        lending = Lending("leases", self.claims, self.desk, outbox, self.bench.clock, asks)
        parts = LeaseParts(
            lending=lending,
            claims=self.claims,
            desk=self.desk,
            outbox=outbox,
            clock=self.bench.clock,
            metrics=LeaseMetrics(self.registry),
        )
        reader = QueueReader(TOPIC, parts)
        reader.start()
        self.readers.append(reader)
        pump = Pump(reader, self.bench.log)  # type: ignore[arg-type] # it polls for any handler
        await pump.start()
        self.bench.pumps.append(pump)
        return pump

    async def kill(self, pump: Pump) -> None:
        """End a role as a crash does."""
        await pump.kill()
        await self.readers[-1].settle(0)

    async def lease(self, lease_ms: int = LONG_MS, wait_s: float = 5.0, most: int = 1) -> list[Leased]:
        return await self.api.lease(LeaseRequest(TOPIC, "w-1", most, lease_ms, wait_s))

    async def one(self, lease_ms: int = LONG_MS) -> Leased:
        while not (found := await self.lease(lease_ms)):
            pass
        return found[0]

    def key(self, request: StepRequest) -> str:
        return runs_slot(request.run_id, RUN_PARTITIONS).claim(request.request_id)

    async def settled(self, pump: Pump, count: int) -> None:
        """Wait until the role has committed so many requests, while a worker asks for leases and gets none.

        A request whose attempt is over is acknowledged when somebody asks.
        """

        async def committed() -> bool:
            pump.commit()
            assert await self.lease(wait_s=0.1) == []
            return sum(pump.committed.values()) >= count

        await until_async(committed)


@pytest.fixture
async def served(bench: Bench) -> AsyncIterator[Served]:
    await bench.redis.delete("{leases}:queues", f"{{leases}}:want:{TOPIC}")
    found = Served(bench)
    yield found
    for reader in found.readers:
        await reader.settle(0)
    await found.api.stop()


async def test_no_more_is_read_than_is_asked_for(served: Served) -> None:
    await served.bench.ask(*(served.bench.request(WORK) for _ in range(40)))
    pump = await served.role()
    leased: list[Leased] = []
    while len(leased) < 3:  # one that comes late is another answer's
        leased += await served.lease(most=3 - len(leased))
    assert sum(pump.positions.values()) <= 3 + 2 + 2


async def test_an_unanswered_request_for_leases_leaves_nothing_behind(served: Served) -> None:
    await served.role()
    assert await served.lease(wait_s=0.05, most=5) == []
    await served.bench.ask(served.bench.request(WORK))
    assert (await served.one()).starts == 1


async def test_a_lease_whose_worker_left_is_returned(served: Served) -> None:
    api = served.another_api()
    wish = LeaseRequest(TOPIC, "gone", 1, LONG_MS, 0.0)
    await served.bench.ask(served.bench.request(WORK))
    # Its ask stays, as that of a process which is slow to withdraw does.
    served.desk.withdraw = lambda *_: _nothing()  # type: ignore[method-assign]
    assert await api.lease(wish) == []
    await served.role()
    del served.desk.withdraw
    assert (await served.one()).starts == 1, "it was no start"
    await api.stop()


async def _nothing() -> int:
    return 1


async def test_an_outcome_is_refused_once_the_lease_is_lost(served: Served) -> None:
    request = served.bench.request(WORK)
    await served.bench.ask(request)
    pump = await served.role()
    first = await served.one(SHORT_MS)
    second = await served.one()
    assert (first.request, second.request, second.starts) == (request, request, 2)
    with pytest.raises(Conflict, match="this lease is over"):
        await served.api.complete(TOPIC, first.lease, Completion("late"))
    assert await served.api.complete(TOPIC, second.lease, Completion("right")) is False
    assert await served.api.complete(TOPIC, second.lease, Completion("again")) is True
    await served.settled(pump, 1)
    (said,) = served.bench.results()
    assert isinstance(said, StepSucceeded)
    assert (said.output.value, said.worker_id) == ("right", "w-1")  # type: ignore[union-attr]


async def test_an_output_that_breaks_the_schema_of_its_node_is_a_failure(served: Served) -> None:
    work = ToolCall(name="theirs", output_schema={"type": "object", "required": ["words"]})
    await served.bench.ask(served.bench.request(work))
    pump = await served.role()
    assert await served.api.complete(TOPIC, (await served.one()).lease, Completion({"letters": 3})) is False
    await served.settled(pump, 1)
    (said,) = served.bench.results()
    assert isinstance(said, StepFailed)
    assert (said.error.code, said.error.retryable) == ("bad_output", False)
    assert "breaks `output_schema`: $: " in said.error.message


async def test_leases_are_counted_as_they_are_given_and_end(served: Served) -> None:
    await served.bench.ask(served.bench.request(WORK))
    pump = await served.role()

    def counted() -> list[float | None]:
        ended = [(LEASES_ENDED_TOTAL, {"how": how}) for how in ("returned", "recorded")]
        return [
            served.registry.get_sample_value(name, {"topic": TOPIC} | labels)
            for name, labels in [(LEASES_GIVEN_TOTAL, {}), *ended]
        ]

    lost, good = await served.one(SHORT_MS), await served.one()
    assert (lost.starts, good.starts) == (1, 2)
    await served.api.complete(TOPIC, good.lease, Completion(1))
    await served.settled(pump, 1)
    assert counted() == [2, 1, 1]


async def test_a_worker_that_is_late_may_complete_while_nobody_else_has_the_attempt(served: Served) -> None:
    await served.bench.ask(served.bench.request(WORK))
    pump = await served.role()
    late = await served.one(SHORT_MS)
    await served.kill(pump)
    await until_over(served, late)
    assert await served.api.complete(TOPIC, late.lease, Completion(1)) is False


async def until_over(served: Served, leased: Leased) -> None:
    attempt = [(leased.request.run_id, leased.request.request_id)]
    while (await served.claims.standings(attempt))[0].left_ms > 0:
        await served.bench.clock.sleep(0.02)


@pytest.mark.parametrize("changed", ["secret", "topic", "attempt"])
async def test_nobody_completes_without_the_lease(served: Served, changed: str) -> None:
    await served.bench.ask(served.bench.request(WORK))
    await served.role()
    lease, topic = (await served.one()).lease, TOPIC
    if changed == "secret":
        lease = f"{lease[:-3]}abc"
    elif changed == "topic":
        topic = lane("other.queue")
    else:
        lease = lease.replace(":step:1", ":step:2")
    with pytest.raises(Conflict):
        await served.api.complete(topic, lease, Completion(1))
    with pytest.raises(Conflict):
        await served.api.extend(topic, lease, b"")
    assert await served.api.release(topic, lease) is False


@pytest.mark.parametrize("text", ["", "x", "r:s:1~short", "~" + "a" * 22, "r~" + "a" * 22])
def test_a_text_that_is_no_lease_is_refused(text: str) -> None:
    assert read_lease(text, TOPIC) is None


async def test_an_outcome_that_its_api_did_not_append_is_appended_by_the_role(served: Served) -> None:
    await served.bench.ask(served.bench.request(WORK))
    pump = await served.role()
    one = await served.one()
    served.bench.log.fail = Unavailable("kafka", "down")
    with pytest.raises(Unavailable):
        await served.api.complete(TOPIC, one.lease, Completion("paid"))
    served.bench.log.fail = None
    await served.settled(pump, 1)
    assert [said.output.value for said in served.bench.results()] == ["paid"]  # type: ignore[union-attr]


async def test_a_new_role_waits_for_the_lease_of_the_one_that_died(served: Served) -> None:
    await served.bench.ask(served.bench.request(WORK))
    before = await served.role()
    one = await served.one()
    await served.kill(before)
    after = await served.role()
    assert await served.lease(wait_s=0.3) == []
    await served.api.complete(TOPIC, one.lease, Completion("done"))
    await served.settled(after, 1)
    assert len(served.bench.results()) == 1


async def test_a_lease_that_redis_lost_is_put_back(served: Served) -> None:
    request = served.bench.request(WORK)
    await served.bench.ask(request)
    await served.role()
    one = await served.one()
    extended, put_back = asyncio.Event(), served.claims.put_back

    async def put_back_later(*args: Any) -> bool:
        await extended.wait()
        return await put_back(*args)

    served.claims.put_back = put_back_later  # type: ignore[method-assign]
    await served.bench.redis.delete(served.key(request))
    with pytest.raises(Conflict):
        await served.api.extend(TOPIC, one.lease, b"")
    extended.set()
    await until_async(lambda: served.bench.redis.hget(served.key(request), "request"))
    assert (await served.api.extend(TOPIC, one.lease, b"")).kind == "extended"
    assert await served.api.complete(TOPIC, one.lease, Completion("done")) is False


async def test_an_attempt_that_kills_its_workers_fails_as_poison(served: Served) -> None:
    await served.bench.ask(served.bench.request(WORK))
    pump = await served.role()
    for starts in (1, 2, 3):
        assert (await served.one(SHORT_MS)).starts == starts
    await served.settled(pump, 1)
    (said,) = served.bench.results()
    assert isinstance(said, StepFailed)
    assert said.error.code == "poison"
    assert len(served.bench.log.everything(dlq(TOPIC))) == 1


async def test_an_attempt_with_an_unknown_outcome_is_not_leased_again(served: Served) -> None:
    await served.bench.ask(served.bench.request(WORK, on_unknown="fail"))
    pump = await served.role()
    await served.one(SHORT_MS)
    await served.settled(pump, 1)
    assert [said.error.code for said in served.bench.results()] == ["outcome_unknown"]  # type: ignore[union-attr]


async def test_a_run_that_is_over_has_no_leases_and_its_heartbeats_say_so(served: Served) -> None:
    over, running = served.bench.request(WORK), served.bench.request(WORK)
    after = served.bench.request(WORK, compensation=True)
    await served.bench.ask(running)
    pump = await served.role()
    one = await served.one()
    for request in (over, running, after):
        await served.bench.set_status(request.run_id, "canceled")
    extended = await served.api.extend(TOPIC, one.lease, b"")
    assert (extended.kind, extended.status) == ("ended", "canceled")
    await served.bench.ask(over, after)
    cleanup = await served.one()
    assert cleanup.request == after
    assert (await served.api.extend(TOPIC, cleanup.lease, b"")).kind == "extended"
    for lease in (one.lease, cleanup.lease):
        await served.api.complete(TOPIC, lease, Completion(1))
    await served.settled(pump, 3)
    assert {said.run_id for said in served.bench.results()} == {running.run_id, after.run_id}


async def test_a_function_is_leased_and_claimed_like_a_tool(served: Served) -> None:
    await served.bench.ask(served.bench.request(FunctionCall(name="theirs")))
    await served.role()
    one = await served.one()
    assert await served.api.complete(TOPIC, one.lease, Completion(1)) is False


async def test_what_the_log_cannot_carry_is_refused_and_the_lease_stays(served: Served) -> None:
    await served.bench.ask(served.bench.request(WORK, retry_on=["soon"]))
    await served.role()
    one = await served.one()
    with pytest.raises(Exception, match="U\\+0000"):
        await served.api.complete(TOPIC, one.lease, Completion("\x00"))
    await served.api.complete(TOPIC, one.lease, Completion(error=StepError("soon", "later")))
    (said,) = served.bench.results()
    assert isinstance(said, StepFailed)
    assert (said.error.code, said.error.retryable) == ("soon", True)


async def test_bytes_that_are_no_request_are_dead_letters_and_the_queue_continues(served: Served) -> None:
    await MemoryLog.append(served.bench.log, [OutRecord(TOPIC, b"r:step", b"no JSON")])
    await served.bench.ask(served.bench.request(WORK))
    pump = await served.role()
    one = await served.one()
    await served.api.complete(TOPIC, one.lease, Completion(1))
    await served.settled(pump, 2)
    assert [record.value for record in served.bench.log.everything(dlq(TOPIC))] == [b"no JSON"]


# Policies


def mailed(served: Served, to: str = "ann", **said: Any) -> StepRequest:
    served.bench.policies.apply(definition(served.bench.org))
    served.bench.policies.mark_loaded()
    work = ToolCall(name="mail.send")
    return served.bench.request(work, args={"to": to, "text": "Hello"}, security=security(**said))


async def test_what_a_policy_denies_is_lent_to_nobody(served: Served) -> None:
    await served.bench.ask(mailed(served), mailed(served, args={"$": TRUSTED, "$.to": WEB}))
    await served.role()
    leased = await served.one()
    assert leased.args["to"] == "ann"
    assert await served.lease(wait_s=0.2) == []
    (result,) = await served.bench.finished(1)
    assert isinstance(result, StepFailed)
    assert result.error.code == "policy_denied"
    kinds = sorted((event.kind, event.decision) for event in served.bench.audited())
    # What was allowed is there before its worker has said anything.
    assert kinds == [("decisions", "allowed"), ("decisions", "denied"), ("denial", "denied")]


async def test_what_a_policy_hides_is_not_lent(served: Served) -> None:
    labels = {"$": TRUSTED, "$.text": [*TRUSTED, "class:card"]}
    await served.bench.ask(mailed(served, args=labels))
    await served.role()
    leased = await served.one()
    assert (leased.args, leased.request.args["text"]) == ({"to": "ann", "text": "[redacted]"}, "[redacted]")
    await served.api.complete(TOPIC, leased.lease, Completion(output=1))
    (result,) = await served.bench.finished(1)
    assert result.output == inline(1)


async def test_a_model_that_may_not_read_it_is_lent_nothing_and_another_is_named(served: Served) -> None:
    rules: list[Json] = [
        {"id": "stays", "at": "model_call", "when": "'card' in context.classes", "verdict": "deny"},
        {
            "id": "home",
            "at": "model_call",
            "when": "'pii' in context.classes",
            "verdict": "route",
            "route": ["local/a"],
        },
    ]
    policy = definition(served.bench.org, {"name": "guard", "rules": rules})
    served.bench.policies.apply(policy)
    served.bench.policies.mark_loaded()
    work = LlmCall(prompt_name="p", prompt_version=1, prompt_hash="h", template="Say {{text}}", provider="there")
    for word in ("card", "pii"):
        said = StepSecurity(
            policy="guard@1",
            policy_hash=read_policy(policy.body).hash,
            args={"$": [*TRUSTED, f"class:{word}"]},
            control=TRUSTED,
        )
        await served.bench.ask(served.bench.request(work, args={"text": word}, security=said))
    await served.role()
    leased = await served.one()
    assert (leased.args, leased.request.work) == ({"text": "pii"}, structs.replace(work, provider="local", model="a"))
    while not served.bench.results():
        # Which of both is read first is their partitions' matter, and no more is read than somebody asks for.
        assert await served.lease(wait_s=0.2) == []
    (result,) = served.bench.results()
    assert isinstance(result, StepFailed)
    assert result.error.code == "policy_denied"


async def test_a_person_is_asked_before_a_step_is_lent(served: Served) -> None:
    request = mailed(served, "stranger")
    await served.bench.ask(request)
    await served.role()
    assert await served.lease(wait_s=0.2) == []
    (given_back,) = await served.bench.finished(1)
    assert isinstance(given_back, StepDeferred)
    asks = given_back.asks
    assert asks is not None
    yes = [Approval(rule=rule, args_hash=asks.args_hash) for rule in asks.rules]
    await served.bench.ask(mailed_again(request, yes))
    assert (await served.one()).args["to"] == "stranger"


async def test_a_policy_that_is_not_known_lends_nothing(served: Served) -> None:
    await served.bench.ask(mailed(served, policy_hash="b" * 64))
    await served.role()
    assert await served.lease(wait_s=0.2) == []
    (given_back,) = await served.bench.finished(1)
    assert isinstance(given_back, StepDeferred)
    assert "is not known" in given_back.reason


def mailed_again(request: StepRequest, approvals: list[Approval]) -> StepRequest:
    return structs.replace(request, deferral=1, security=security(approvals=approvals))


async def test_what_a_lent_steps_worker_gives_is_decided_on(served: Served) -> None:
    bench = served.bench
    document: dict[str, Json] = {
        "name": "guard",
        "effects": "allow",
        "rules": [
            {"id": "orders", "at": "output", "tools": ["theirs"], "when": "has(output.value.order)", "verdict": "deny"},
            {
                "id": "card",
                "at": "output",
                "tools": ["theirs"],
                "when": "has(output.value.card)",
                "verdict": "redact",
                "redact": ["$.card"],
            },
        ],
    }
    bench.policies.apply(definition(bench.org, document))
    bench.policies.mark_loaded()
    served.stored.policy = policy = read_policy(document)
    secured = security(policy_hash=policy.hash, args={"$": TRUSTED}, tool=ToolSecurity(source=TRUSTED))
    for _ in range(3):
        await bench.ask(bench.request(WORK, args={}, security=secured))
    await served.role()
    for said in ({"order": "pay"}, {"card": 4111, "sum": 2}, {"sum": 3}):
        leased = await served.one()
        assert await served.api.complete(TOPIC, leased.lease, Completion(output=said)) is False
    denied, hidden, given = await bench.finished(3)
    assert isinstance(denied, StepFailed)
    assert (denied.error.code, denied.error.details["rule"]) == ("policy_denied", "orders")
    assert hidden.output.value == {"card": "[redacted]", "sum": 2}
    assert given.output.value == {"sum": 3}
    assert denied.redacted
    assert hidden.redacted
    kinds = [(event.event_id.partition(":")[0], event.kind, event.decision) for event in bench.audited()]
    assert kinds == [
        ("result", "decisions", "denied"),
        ("result", "denial", "denied"),
        ("result", "decisions", "allowed"),
    ]


async def test_a_result_whose_policy_nobody_has_goes_no_further(served: Served) -> None:
    bench = served.bench
    bench.policies.apply(definition(bench.org))
    bench.policies.mark_loaded()
    await bench.ask(bench.request(WORK, args={}, security=security(args={"$": TRUSTED})))
    await served.role()
    leased = await served.one()
    served.stored.down = True
    with pytest.raises(Unavailable):
        await served.api.complete(TOPIC, leased.lease, Completion(output="secret"))
    served.stored.down, served.stored.policy = False, None
    await served.api.complete(TOPIC, leased.lease, Completion(output="secret"))
    (failed,) = await bench.finished(1)
    assert isinstance(failed, StepFailed)
    assert failed.error.code == "policy_failed"
    assert "secret" not in failed.error.message


class Known:
    """The one policy of the API, which may have none, or not answer."""

    def __init__(self) -> None:
        self.policy: Policy | None = read_policy(DOCUMENT)
        self.down = False

    async def of_hash(self, org_id: str, policy_hash: str) -> "Stored":
        if self.down:
            raise Unavailable("postgres", "no answer")
        if self.policy is None:
            raise NotFound("there is no such version")
        return Stored(self.policy)


class Stored(NamedTuple):
    """A policy as the API has it."""

    policy: Policy

    async def of_hash(self, org_id: str, policy_hash: str) -> "Stored":
        assert policy_hash == self.policy.hash
        return self


async def test_a_lent_tool_gets_values_and_what_its_worker_says_is_redacted(served: Served) -> None:
    bench, vault = served.bench, Vault()
    document: dict[str, Json] = {
        "name": "guard",
        "effects": "allow",
        "privacy": {
            "redact": [{"id": "m", "kinds": ["email"], "action": "token", "at": ["log"]}],
            "restore": {"tools": [{"id": "mail", "tools": ["theirs"], "arguments": ["to"]}]},
        },
    }
    bench.policies.apply(definition(bench.org, document))
    bench.policies.mark_loaded()

    async def say(events: Sequence[AuditEvent]) -> None:
        await bench.log.append([to_out(one) for one in events])

    policy = read_policy(document)
    served.api = served.another_api(LentPrivacy(LentPolicies(Stored(policy)), redactors(vault), say))
    (token,) = await vault.tokens_for(bench.org, None, [("email", "ann@acme.org")])
    secured = security(policy_hash=policy.hash, args={"$": TRUSTED})
    await bench.ask(bench.request(WORK, args={"to": token, "text": token}, security=secured))
    await served.role()
    leased = await served.one()
    assert leased.args == {"to": "ann@acme.org", "text": token}
    await served.api.complete(TOPIC, leased.lease, Completion(output={"sent": ["bob@acme.org", 1]}))
    (result,) = await bench.finished(1)
    assert TOKEN.fullmatch(result.output.value["sent"][0])
    said = [one.rule for event in bench.audited() for one in event.decisions if one.rule.startswith("privacy:")]
    assert said == ["privacy:mail", "privacy:m"]
    appended = [record for records in bench.log.appends for record in records]
    assert not [one for one in appended if b"@acme.org" in (one.value or b"")]


async def test_what_a_lent_steps_worker_says_waits_for_the_vault(served: Served) -> None:
    bench, vault = served.bench, Vault()
    document: dict[str, Json] = {
        "name": "guard",
        "effects": "allow",
        "privacy": {"redact": [{"id": "m", "kinds": ["email"], "action": "token", "at": ["log"]}]},
    }
    bench.policies.apply(definition(bench.org, document))
    bench.policies.mark_loaded()

    async def say(events: Sequence[AuditEvent]) -> None:
        await bench.log.append([to_out(one) for one in events])

    policy = read_policy(document)
    served.api = served.another_api(LentPrivacy(LentPolicies(Stored(policy)), redactors(vault), say))
    await bench.ask(bench.request(WORK, args={}, security=security(policy_hash=policy.hash, args={"$": TRUSTED})))
    await served.role()
    leased = await served.one()
    vault.down = True
    with pytest.raises(Unavailable):
        await served.api.complete(TOPIC, leased.lease, Completion(output="bob@acme.org"))
    vault.down = False
    await served.api.complete(TOPIC, leased.lease, Completion(output="bob@acme.org"))
    (result,) = await bench.finished(1)
    assert TOKEN.fullmatch(result.output.value)
