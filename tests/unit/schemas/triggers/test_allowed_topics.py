"""Which topics an organisation may read or write."""

import pytest

from schemas.triggers.allowed_topics import read_allowed
from topics.catalogue import OWN_TOPICS

ALLOWED = read_allowed("acme:orders, acme:payments.*, *:public.*", OWN_TOPICS)


@pytest.mark.parametrize(
    ("org", "topic", "allowed"),
    [
        ("acme", "orders", True),
        ("other", "orders", False),
        ("acme", "orders.eu", False),
        ("acme", "payments.eu", True),
        ("other", "public.news", True),
        ("acme", "bad/name", False),
        ("acme", "", False),
    ],
)
def test_allows(org: str, topic: str, *, allowed: bool) -> None:
    assert ALLOWED.allows(org, topic) is allowed


@pytest.mark.parametrize(
    "topic",
    ["run-events", "run-events.dlq", "workflow-submissions.acme", "step-requests.gold", "topic-triggers.dlq",
     "runs.checkpoint", "__consumer_offsets", "audit-events"],
)  # fmt: skip
def test_topics_of_the_system_are_never_allowed(topic: str) -> None:
    assert not read_allowed("*:*", OWN_TOPICS).allows("acme", topic)


def test_nothing_is_allowed_without_entries() -> None:
    assert not read_allowed("", OWN_TOPICS).allows("acme", "orders")


@pytest.mark.parametrize("text", ["orders", "acme:", ":orders", "acme:a b", "acme orders", "a/b:x"])
def test_wrong_entries_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="write an organisation and a topic"):
        read_allowed(text)
