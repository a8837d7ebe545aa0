"""Guards of a policy in the pipeline: what they refuse is paid for, judges are calls, no cache goes round them."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.deltas import TextDelta
from schemas.errors import StepError
from services.calls.call import Answer
from services.calls.ledger import Ledger
from services.security.guards.guarded import Guards
from tests.support.calls import USAGE, Calls, call
from tests.unit.services.security.guards.test_guards import GROUNDED, JSON, JUDGE, LENGTH, WORDS, guards


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    made = Calls(tmp_path)
    made.provider.reply = "a bad word"
    return made


def judged(calls: Calls, says: Any) -> None:
    """Let the model answer judges so."""
    plain = calls.provider.complete

    async def complete(request: ModelRequest) -> ModelResponse:
        answer = await plain(request)
        if not request.prompt.startswith("You check a text."):
            return answer
        if isinstance(says, Exception):
            raise says
        return ModelResponse(says, USAGE, "stop", {}, {})

    calls.provider.complete = complete  # type: ignore[method-assign]


async def made(calls: Calls, found: Guards | None, ledger: Ledger | None = None, **more: Any) -> Answer:
    return await calls.make()(call(ledger, guards=found, **more))


async def test_an_answer_that_a_guard_refuses_is_paid_for_and_recorded(calls: Calls) -> None:
    ledger = Ledger()
    with pytest.raises(StepError, match="banned word") as caught:
        await made(calls, guards(WORDS), ledger)
    assert caught.value.code == "guard_refused"
    assert len(ledger.costs) == 1
    assert [one.rule for one in ledger.decisions] == ["guard:words"]
    assert [(one.type, one.error_code) for one in ledger.spans if one.type == "guard"] == [("guard", "guard_refused")]


async def test_without_guards_nothing_is_looked_at(calls: Calls) -> None:
    ledger = Ledger()
    answer = await made(calls, None, ledger)
    assert (answer.response.text, ledger.decisions) == ("a bad word", [])
    assert [one for one in ledger.spans if one.type == "guard"] == []


async def test_an_earlier_answer_that_no_guard_has_seen_is_not_taken(calls: Calls) -> None:
    await made(calls, None, cache=True)
    assert (await made(calls, None, cache=True)).cached
    with pytest.raises(StepError, match="banned word"):
        await made(calls, guards(WORDS), cache=True)
    calls.provider.reply = "a good word"
    assert not (await made(calls, guards(WORDS), cache=True)).cached
    assert (await made(calls, guards(WORDS), cache=True)).cached
    assert not (await made(calls, guards(WORDS, LENGTH | {"chars": 50}), cache=True)).cached


async def test_a_judge_is_a_call_of_its_own_with_its_own_money(calls: Calls) -> None:
    judged(calls, '{"passes": true, "reason": "it is polite"}')
    ledger = Ledger()
    answer = await made(calls, guards(JUDGE), ledger)
    assert (answer.response.text, answer.blocked) == ("a bad word", None)
    assert [one.prompt[:17] for one in calls.provider.asked] == ["Say x", "You check a text."]
    assert sorted(cost.call_id for cost in ledger.costs) == ["run:step:1@5#1", "run:step:1@5#1~judge:judge"]
    assert len({one.idempotency_key for one in calls.provider.asked}) == 2
    assert orjson.dumps("a bad word").decode() in calls.provider.asked[1].prompt


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ('{"passes": false, "reason": "it is rude"}', "guard_refused"),
        ("certainly!", "guard_failed"),
        ('{"passes": "yes", "reason": ""}', "guard_failed"),
        (StepError("provider_unavailable", "down", retryable=True), "guard_failed"),
    ],
)
async def test_what_a_judge_does_not_let_pass_does_not(calls: Calls, says: Any, code: str) -> None:
    judged(calls, says)
    with pytest.raises(StepError) as caught:
        await made(calls, guards(JUDGE))
    assert caught.value.code == code


async def test_a_scorer_gets_what_the_model_had_read(calls: Calls) -> None:
    seen: list[Any] = []

    def scorer(answer: str, sources: Any, options: Any) -> float:
        seen.append((answer, list(sources)))
        return 1.0

    await made(calls, guards(GROUNDED, scorers={"grounded": scorer}))
    assert seen == [("a bad word", ["x"])]


async def test_a_reader_of_a_stream_gets_nothing_before_it_has_passed(calls: Calls) -> None:
    got: list[Any] = []

    async def listener(delta: Any) -> None:
        got.append(delta)

    for rule in (WORDS, JSON):
        with pytest.raises(StepError, match="refuses"):
            await made(calls, guards(rule), on_delta=listener)
        assert [one for one in got if isinstance(one, TextDelta) and "bad" in one.text] == []
    calls.provider.reply = "a good word"
    await made(calls, guards(WORDS), on_delta=listener)
    assert "".join(one.text for one in got if isinstance(one, TextDelta)).endswith("a good word")
