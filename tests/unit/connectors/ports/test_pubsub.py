"""Subjects of the bus: any id is one token."""

import pytest

from connectors.ports.pubsub import CANCELS, NoPubSub, cancel_subject, run_subject, token, watch_subject


@pytest.mark.parametrize("text", ["plain", "a.b", "a b", "*", ">", "", "ä%", "x/y:z[3]", "tab\there", "." * 5])
def test_a_token_has_nothing_that_a_subject_is_made_of(text: str) -> None:
    assert not set(token(text)) & set(".*> \t\r\n")
    assert token(text)


def test_tokens_of_different_texts_differ() -> None:
    texts = ["a.b", "a%2Eb", "a b", "a+b", "", "%"]
    assert len({token(text) for text in texts}) == len(texts)


def test_subjects_have_as_many_tokens_as_are_listened_to() -> None:
    assert cancel_subject("a.b").count(".") == CANCELS.count(".")
    assert run_subject("a.b", "c.d").split(".") == ["agentflow", "runs", "a%2Eb", "c%2Ed"]
    assert watch_subject("o", "r") == "agentflow.watch.o.r"


def test_without_a_bus_nothing_is_heard_and_nothing_fails() -> None:
    bus = NoPubSub()
    stop = bus.subscribe("a", lambda *_: None)
    assert not bus.publish("a", b"lost")
    stop()
