"""How prompts are named: by version, by label, or as the newest."""

import re

import pytest

from schemas.prompts.refs import (
    LABEL_PATTERN,
    PROMPT_REF_PATTERN,
    PromptRef,
    check_label,
    parse_prompt_ref,
)


@pytest.mark.parametrize(
    ("text", "ref", "floats"),
    [
        ("ask", PromptRef("ask"), True),
        ("ask@latest", PromptRef("ask"), True),
        ("ask@12", PromptRef("ask", 12), False),
        ("a.b@production", PromptRef("a.b", None, "production"), True),
        ("ask@v2", PromptRef("ask", None, "v2"), True),
    ],
)
def test_a_reference_names_a_version_a_label_or_the_newest(text: str, ref: PromptRef, *, floats: bool) -> None:
    assert re.search(PROMPT_REF_PATTERN, text)
    assert (parse_prompt_ref(text), ref.floats) == (ref, floats)
    assert parse_prompt_ref(str(ref)) == ref


@pytest.mark.parametrize("text", ["", "@1", "ask@", "ask@0", "ask@01", "ask@1x", "ask@Prod", "ask@1234567890", "a@b@c"])
def test_a_text_that_names_no_prompt_is_refused(text: str) -> None:
    assert re.search(PROMPT_REF_PATTERN, text) is None
    with pytest.raises(ValueError, match="names no prompt"):
        parse_prompt_ref(text)


@pytest.mark.parametrize(
    ("label", "said"),
    [("3", "a number"), ("007", "a number"), ("latest", "reserved"), ("3rd", "no label"), ("A", "no label")],
)
def test_a_label_is_never_a_number_nor_the_newest(label: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_label(label)


def test_labels_are_words() -> None:
    for label in ("production", "staging", "team-a.v2"):
        assert check_label(label) == label
        assert re.search(LABEL_PATTERN, label)
