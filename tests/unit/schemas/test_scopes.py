"""Scopes of keys: what their patterns match, in Python and as SQL's LIKE."""

import re

import pytest

from schemas.scopes import EVERYTHING, SCOPE_PATTERN, Scopes


@pytest.mark.parametrize(
    ("texts", "kind", "name", "allowed"),
    [
        ([], "workflow", "any", True),
        ([], "gateway", "", True),
        (["workflow:a"], "workflow", "a", True),
        (["workflow:a"], "workflow", "ab", False),
        (["workflow:a"], "workflow", "a\n", False),
        (["workflow:a"], "prompt", "a", False),
        (["workflow:a"], "gateway", "", False),
        (["workflow:bill_*"], "workflow", "bill_eu", True),
        (["workflow:bill_*"], "workflow", "billXeu", False),
        (["workflow:a.b"], "workflow", "axb", False),
        (["workflow:*_eu"], "workflow", "bill_eu", True),
        (["workflow:*"], "workflow", "anything", True),
        (["workflow:*"], "prompt", "anything", False),
        (["prompt:p", "workflow:w"], "prompt", "p", True),
        (["gateway"], "gateway", "", True),
        (["gateway"], "workflow", "gateway", False),
        (["gateway"], "workflow", "", False),
    ],
)
def test_scope_allows_what_its_pattern_matches(texts, kind, name, allowed):
    assert Scopes.of(texts).allow(kind, name) is allowed


def test_like_escapes_what_sql_would_read_as_a_wildcard():
    assert Scopes.of(["workflow:a_b*"]).like("workflow") == (r"a\_b%",)
    assert Scopes.of(["prompt:p"]).like("workflow") == ()
    assert EVERYTHING.like("workflow") is None


@pytest.mark.parametrize("text", ["workflow:", "workflow", "queue:a", "gateway:x", "workflow:a b", "workflow:a\n", ""])
def test_text_that_is_no_scope_is_refused(text):
    assert re.fullmatch(SCOPE_PATTERN, text) is None or not re.search(SCOPE_PATTERN, text)


def test_scopes_are_shown_sorted_and_once():
    assert str(Scopes.of(["workflow:b", "prompt:a", "workflow:b"])) == "prompt:a, workflow:b"
    assert str(EVERYTHING) == "everything"
