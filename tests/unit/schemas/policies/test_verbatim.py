"""Values that stand in trusted text as whole tokens, and those that stand there by accident."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.labels.label import TRUSTED, Integrity, Label
from schemas.labels.mapped import Labels
from schemas.policies.document import Endorsement
from schemas.policies.facts import ToolFacts, Where
from schemas.policies.verbatim import endorsed_arguments, stands_in
from schemas.records.security.pinned import ToolSecurity

TEXT = "Please pay $98.70 to GB29NWBK60161331926819, tell bob@example.org (my wife) about file id 13 by June 24."


@pytest.mark.parametrize(
    "value",
    ["GB29NWBK60161331926819", "bob@example.org", "June 24", "my wife", ["bob@example.org", "my wife"], [], None],
)
def test_what_stands_as_whole_tokens(value: Any) -> None:
    assert stands_in(value, ["nothing", TEXT], 4)


@pytest.mark.parametrize(
    "value",
    [
        "ob@example.org",  # a part of a token
        "bob@example",
        "GB29NWBK6016133192681",
        "example.org",
        "13",  # short: it stands there by accident
        13,
        "24",
        98.7,
        "",
        "   ",
        True,
        {"to": "bob@example.org"},
        ["bob@example.org", "eve@example.org"],
        "file id 13 by June 24. And more",
    ],
)
def test_what_does_not_stand(value: Any) -> None:
    assert not stands_in(value, [TEXT], 6)


@pytest.mark.parametrize("text", ["mail bob@example.org.evil.net now", "x.bob@example.org", "bob@example.org/x"])
def test_a_longer_token_is_another_one(text: str) -> None:
    assert not stands_in("bob@example.org", [text], 6)


@pytest.mark.parametrize(
    ("value", "after", "stands"),
    [
        (98.7, ("$",), True),
        ("98.70", ("$",), True),
        (98.75, ("$",), False),
        (13, ("file id",), True),
        ("13", ("FILE ID", "x"), True),
        (24, ("file id",), False),
        (13, ("e id",), False),
        (1, ("file id",), False),
        (float("nan"), ("$",), False),
    ],
)
def test_short_values_count_behind_their_words(value: Any, after: tuple[str, ...], stands: bool) -> None:
    assert stands_in(value, [TEXT], 6, after) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [("please", False), ("my wife", False), ("bob@example.org", True), ("June 24", True), (["my wife"], False)],
)
def test_plain_words_do_not_count_where_a_mark_is_needed(value: Any, stands: bool) -> None:
    text = TEXT.replace("Please", "please")
    assert stands_in(value, [text], 6)
    assert stands_in(value, [text], 6, marked=True) is stands
    assert stands_in(value, [text], 6, ("tell", "(", "by", "please"), marked=True) >= stands


@pytest.mark.parametrize(("value", "text"), [(1_200, "pay $1,200 now"), (1_200.0, "pay $1200"), (50.5, "$50.50!")])
def test_amounts_as_people_write_them(value: float, text: str) -> None:
    assert stands_in(value, [text], 6, ("$",))


@given(st.text("ab1 .@$", min_size=1, max_size=8), st.text("ab1 .@$", max_size=30))
def test_what_stands_is_in_the_text_and_between_other_characters(value: str, text: str) -> None:
    if not stands_in(value, [text], 1):
        return
    token = value.strip()
    found = [at for at in range(len(text)) if text.startswith(token, at)]
    assert any(
        (at == 0 or not text[at - 1].isalnum()) and not text[at + len(token) : at + len(token) + 1].isalnum()
        for at in found
    )


def test_only_named_arguments_of_named_tools_are_endorsed() -> None:
    web = Label(Integrity.WEB)
    args = {"to": "bob@example.org", "cc": "bob@example.org", "body": "bob@example.org", "own": "bob@example.org"}
    facts = ToolFacts(
        where=Where(org="acme", workflow="mail"),
        tool="send",
        security=ToolSecurity(effects=True, sinks={"to": "recipient", "body": "content"}),
        args=args,
        labels=Labels({(): TRUSTED, ("to",): web, ("cc",): web, ("body",): web}),
        control=web,
        context=web,
        trusted=[TEXT],
    )
    one = Endorsement(by="verbatim", sinks=("recipient",), arguments=("cc", "own"))
    assert endorsed_arguments([one], facts) == {"to": True, "cc": True}
    assert endorsed_arguments([one.model_copy(update={"tools": ("read*",)})], facts) == {}
    assert endorsed_arguments([one.model_copy(update={"workflows": ("other",)})], facts) == {}
    long = one.model_copy(update={"min_chars": 40})
    assert endorsed_arguments([long], facts) == {"to": False, "cc": False}
    assert endorsed_arguments([long, one], facts) == {"to": True, "cc": True}
