"""Uris of sealed payloads."""

import pytest

from schemas.errors import Forbidden
from schemas.payload import Reference
from schemas.privacy.sealed import condition_key, inline_uri, is_sealed, object_uri, place_of

SUBJECT = "sub_" + "0" * 32
SHA = "a" * 64


def reference(uri: str) -> Reference:
    return Reference(uri=uri, sha256=SHA, size=1)


def test_uris_are_read_as_they_are_written() -> None:
    inside = place_of(reference(inline_uri(SUBJECT, b"\x00\xffbytes")))
    assert (inside.subject, inside.data) == (SUBJECT, b"\x00\xffbytes")
    stored = place_of(reference(object_uri("acme", SUBJECT, SHA)))
    assert (stored.subject, stored.data, stored.object_org) == (SUBJECT, None, "acme")


@pytest.mark.parametrize(
    "uri",
    [
        "sealed:sub_1:AAAA",
        f"sealed:{SUBJECT}:",
        f"sealed+objects:///acme/{SUBJECT}/{'b' * 64}",
        f"sealed+objects:///{SUBJECT}/{SHA}",
        f"objects:///acme/{SHA}",
    ],
)
def test_other_uris_name_nothing_sealed(uri: str) -> None:
    with pytest.raises(Forbidden):
        place_of(reference(uri))


def test_plain_references_are_not_sealed() -> None:
    assert not is_sealed(reference(f"objects:///acme/{SHA}"))
    assert not is_sealed(None)


def test_the_answer_of_a_condition_is_named_by_what_it_reads() -> None:
    both = condition_key("inputs.a > inputs.b", [("a", "1"), ("b", "2")])
    assert both == condition_key("inputs.a > inputs.b", [("b", "2"), ("a", "1")])
    assert both != condition_key("inputs.a > inputs.b", [("a", "1"), ("b", "3")])
