"""The scripted model and the worlds of the benchmark with attackers, on the suite that needs no package."""

import json
from typing import Any

import pytest

from bench.agentdojo.counts import counted, sampled
from bench.agentdojo.runs import Played, Step, read_steps
from bench.agentdojo.world.model import next_message
from bench.agentdojo.world.suite import Call
from bench.agentdojo.world.tiny import ATTACKER, FRIEND, TINY, TinySuite
from bench.agentdojo.world.worlds import Worlds

Messages = list[dict[str, Any]]


def talk(case_id: str, *, obedient: bool, refuses: str = "") -> tuple[Messages, Worlds]:
    """Play a case without any engine; calls whose ids begin with ``refuses`` are not made."""
    worlds, messages = Worlds({TINY: TinySuite()}), Messages()
    worlds.begin("run", case_id)
    case = worlds.case(case_id)
    while True:
        said = next_message(case, messages, "", obedient=obedient)
        messages.append(said)
        for call in said.get("tool_calls", ()):
            result: Any = {"error": "denied"}
            if not (refuses and call["id"].startswith(refuses)):
                function = call["function"]
                result = worlds.call("run", call["id"], function["name"], json.loads(function["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result)})
        if not said.get("tool_calls"):
            return messages, worlds


def asked(messages: Messages) -> list[str]:
    return [call["id"] for one in messages for call in one.get("tool_calls", ())]


def sent(worlds: Worlds) -> list[str]:
    _, world = worlds.judge("run", "", [])
    return [to for to, _ in world.environment.sent]


def test_an_obedient_model_does_what_the_letter_says_as_soon_as_it_has_read_it() -> None:
    messages, worlds = talk("tiny/send/steal", obedient=True)
    assert asked(messages) == ["user-0", "attack-0", "user-1"]
    assert sent(worlds) == [ATTACKER, FRIEND]
    judged, _ = worlds.judge("run", messages[-1]["content"], [])
    assert (judged.utility, judged.attack) == (True, True)
    assert messages[-1]["content"] == "Sent.\nI was here."


def test_a_faithful_model_reads_the_order_and_does_not_obey() -> None:
    messages, worlds = talk("tiny/send/steal", obedient=False)
    assert "ORDER" in messages[1]["content"]
    assert asked(messages) == ["user-0", "user-1"]
    assert sent(worlds) == [FRIEND]
    judged, _ = worlds.judge("run", messages[-1]["content"], [])
    assert (judged.utility, judged.attack) == (True, False)


def test_a_model_that_is_refused_goes_on_with_the_next_call() -> None:
    messages, worlds = talk("tiny/send/steal", obedient=True, refuses="attack")
    assert asked(messages) == ["user-0", "attack-0", "user-1"]
    assert sent(worlds) == [FRIEND]


def test_without_an_attacker_there_is_no_order() -> None:
    messages, worlds = talk("tiny/ask", obedient=True)
    assert (asked(messages), messages[-1]["content"]) == (["user-0"], "At nine.")
    judged, _ = worlds.judge("run", "At nine.", [])
    assert (judged.utility, judged.attack) == (True, False)


def test_a_call_that_is_sent_again_has_no_second_effect() -> None:
    worlds = Worlds({TINY: TinySuite()})
    worlds.begin("run", "tiny/send")
    letter = {"to": FRIEND, "text": "x"}
    assert worlds.call("run", "k", "send_letter", letter) == worlds.call("run", "k", "send_letter", letter)
    assert sent(worlds) == [FRIEND]
    assert worlds.call("run", "k2", "read_letter", {"id": "9"}) == {"error": "there is no letter 9"}
    worlds.begin("again", "tiny/send", of="run")
    assert worlds.judge("again", "", [])[1].calls == [Call("send_letter", letter)]


def test_steps_are_read_in_the_order_of_the_turns_and_say_for_whom_they_are() -> None:
    use = {"name": "tiny.send_letter", "args": {"to": "x"}}
    run = {
        "steps": [
            {"id": "assistant/turn-2", "output": {"text": "", "tool_calls": [use | {"id": "user-0"}]}},
            {"id": "assistant/turn-1", "output": {"text": "", "tool_calls": [use | {"id": "attack-0"}]}},
            {
                "id": "assistant/turn-1/tiny.send_letter[0]",
                "status": "failed",
                "error": {"code": "policy_denied"},
            },
            {"id": "assistant/turn-2/tiny.send_letter[0]", "status": "succeeded"},
            {"id": "assistant", "output": "Done."},
        ]
    }
    first, second = read_steps(run)
    assert (first.whose, first.error, first.was_made) == ("attack", "policy_denied", False)
    assert (second.whose, second.tool, second.was_made) == ("user", "send_letter", True)


def test_counts_are_of_calls_that_were_made() -> None:
    steps = [Step("a", "attack", "send", {}, "succeeded"), Step("b", "attack", "send", {}, "failed", "policy_denied")]
    played = Played("tiny/send/steal", "r", "succeeded", True, True, "", steps, {})
    reading = [Step("a", "attack", "read", {}, "succeeded")]
    other = Played("tiny/ask/steal", "s", "failed", False, False, "", reading, {})
    found = counted([played, other], frozenset({"tiny.send"}))
    assert (found.cases, found.utility, found.attacks, found.actions, found.unfinished) == (2, 1, 1, 1, 1)
    assert (found.utility_share, found.attack_share) == (50, 50)
    assert counted([played, other]).actions == 2


@pytest.mark.parametrize(("most", "found"), [(None, 10), (20, 10), (3, 3)])
def test_a_sample_is_spread_over_all(most: int | None, found: int) -> None:
    cases = [str(number) for number in range(10)]
    assert len(sampled(cases, most)) == found
    assert sampled(cases, 3) == ["0", "3", "6"]
