"""What a policy asks a person: the step waits, and continues with a yes, ends with a no, or when nobody answers."""

import pytest

from schemas.payload import Reference, inline
from schemas.records.run_events import SignalReceived, StepDeferred, ToolUse
from schemas.records.security.pinned import Approval, Question
from schemas.spec.approvals import approval_name, step_of
from schemas.tables.wait_reasons import read_wait
from streams.core.runs.state.entries import decode, encode
from tests.support.runs import ORG, RUN, START_MS, World, function

ASKS = Question(rules=["strangers"], tool="mail.send", args_hash="ab" * 32, summary='mail.send(to="x")')
MAIL = {"id": "mail", "type": "tool", "config": {"tool_name": "mail.send"}}


@pytest.fixture
def world():
    return World()


def asks(world, question=ASKS, step_id="mail", deferral=1, attempt=1):
    world.feed(
        StepDeferred(
            run_id=RUN,
            org_id=ORG,
            step_id=step_id,
            attempt=attempt,
            until_ms=START_MS,
            reason="approval",
            deferral=deferral,
            asks=question,
        )
    )


def answer(world, said, step_id="mail", id_="1"):
    payload = said if isinstance(said, Reference) else inline(said)
    name = approval_name(step_id)
    world.feed(SignalReceived(run_id=RUN, org_id=ORG, name=name, signal_id=id_, payload=payload, sent_by="key:ann"))


def reasons(world):
    return [labels["reason"] for labels in world.counted("agentflow_orchestrator_late_events_total")]


def test_the_name_of_the_signal_names_the_step():
    assert step_of(approval_name("bot/turn-1/mail[0]")) == "bot/turn-1/mail[0]"
    assert step_of("approved") is None


def test_a_step_waits_for_a_person_and_is_requested_again_after_a_yes(world):
    world.submit(MAIL, function("then"), edges="mail>then")
    asks(world)
    step = world.step("mail")
    assert (step.state, step.asks, world.timers) == ("waiting", ASKS, {})
    assert step.waiting_for == 'approval abababababababab mail.send(to="x")'
    assert read_wait(step.waiting_for).kind == "approval"
    assert step.attempt_is_open
    before = len(world.requests)
    answer(world, {"approve": True})
    (again,) = world.requests[before:]
    assert (again.step_id, again.attempt, again.deferral) == ("mail", 1, 1)
    step = world.step("mail")
    assert (step.state, step.asks, step.waiting_for) == ("running", None, None)
    assert step.approvals == (Approval(rule="strangers", args_hash="ab" * 32, approved_by="key:ann"),)
    world.succeed("mail")
    world.succeed("then")
    assert world.status == "succeeded"


def test_a_no_fails_the_step_and_says_who_said_it(world):
    world.submit(MAIL | {"policy": {"retries": {"max_attempts": 3}}})
    asks(world)
    answer(world, {"approve": False})
    step = world.step("mail")
    assert (world.status, step.error.code, step.error.retryable) == ("failed", "policy_denied", False)
    assert "'mail.send' was refused by key:ann; rule strangers of the policy asks" in step.error.message
    assert (step.asks, step.approvals) == (None, ())


def test_nobody_answers_in_time(world):
    world.submit(MAIL)
    asks(world, Question(rules=["a"], tool="mail.send", args_hash="ab" * 32, timeout_ms=60_000))
    assert world.timers == {"approval:mail:1": world.step("mail").due_ms}
    world.fire("approval:mail:1")
    step = world.step("mail")
    assert (world.status, step.error.code) == ("failed", "policy_denied")
    assert "was not approved within 60 s" in step.error.message


def test_an_answer_in_time_disarms_the_timer(world):
    world.submit(MAIL)
    asks(world, Question(rules=["a"], tool="mail.send", args_hash="ab" * 32, timeout_ms=60_000))
    answer(world, {"approve": True})
    assert "approval:mail:1" not in world.timers
    world.fire("approval:mail:1")
    assert (world.states(), reasons(world)) == ({"mail": "running"}, ["timer"])


@pytest.mark.parametrize(
    "said",
    [
        None,
        {},
        {"approve": 1},
        {"approve": "yes"},
        [True],
        {"approve": True, "question": "f" * 16},
        Reference(uri="objects:///acme/00", sha256="0" * 64, size=100_000),
    ],
    ids=repr,
)
def test_what_is_no_answer_to_this_question_changes_nothing(world, said):
    world.submit(MAIL)
    asks(world)
    answer(world, said)
    assert (world.step("mail").state, reasons(world)) == ("waiting", ["unknown_signal"])
    answer(world, {"approve": True, "question": ASKS.id}, id_="2")
    assert world.step("mail").state == "running"


def test_an_answer_that_nobody_asked_for_is_not_kept(world):
    world.submit(MAIL)
    answer(world, {"approve": True})
    asks(world)
    assert world.step("mail").state == "waiting"
    assert reasons(world) == ["unknown_signal"]


def test_an_answer_is_taken_once(world):
    world.submit(MAIL)
    asks(world)
    answer(world, {"approve": True})
    asks(world, Question(rules=["strangers"], tool="mail.send", args_hash="cd" * 32), deferral=2)
    answer(world, {"approve": True})
    assert (world.step("mail").state, reasons(world)) == ("waiting", ["repeated_signal"])
    answer(world, {"approve": True}, id_="2")
    assert {one.args_hash for one in world.step("mail").approvals} == {"ab" * 32, "cd" * 32}


def test_a_yes_stays_with_the_step_over_its_attempts(world):
    world.submit(MAIL | {"policy": {"retries": {"max_attempts": 2, "initial_ms": 100, "jitter": 0}}})
    asks(world)
    answer(world, {"approve": True})
    world.fail("mail")
    step = world.step("mail")
    assert (step.state, step.asks, len(step.approvals)) == ("waiting", None, 1)
    answer(world, {"approve": True}, id_="2")
    assert (world.step("mail").state, reasons(world)) == ("waiting", ["unknown_signal"])


def test_a_question_given_back_twice_is_asked_once(world):
    world.submit(MAIL)
    asks(world)
    asks(world)
    assert reasons(world) == ["deferral"]
    answer(world, {"approve": True})
    asks(world)
    assert world.step("mail").state == "running"


def test_an_outcome_of_the_attempt_ends_the_wait(world):
    world.submit(MAIL)
    asks(world)
    world.succeed("mail")
    assert (world.status, world.step("mail").asks) == ("succeeded", None)


def test_a_canceled_run_asks_nobody(world):
    world.submit(MAIL)
    asks(world)
    world.cancel()
    answer(world, {"approve": True})
    assert (world.status, world.states()["mail"]) == ("canceled", "canceled")
    assert reasons(world) == ["finished_run"]


def test_a_call_of_an_agent_asks_and_a_no_is_what_the_model_is_told(world):
    once = {"retries": {"max_attempts": 1}}
    world.submit(
        {"id": "bot", "type": "agent", "config": {"prompt_ref": "ask@1", "tools": ["mail.send"]}, "policy": once}
    )
    use = ToolUse(id="c0", name="mail.send", args={"to": "x"})
    world.succeed("bot/turn-1", {"text": "", "tool_calls": []}, tool_calls=[use])
    call = "bot/turn-1/mail.send[0]"
    asks(world, step_id=call)
    answer(world, {"approve": False}, step_id=call)
    (result,) = world.requests[-1].work.before[0].results
    assert (world.requests[-1].step_id, result.error.code) == ("bot/turn-2", "policy_denied")


def test_a_waiting_step_is_the_same_after_it_was_stored(world):
    world.submit(MAIL)
    asks(world)
    step = world.step("mail")
    assert decode("s:mail", encode("s:mail", step)) == step
