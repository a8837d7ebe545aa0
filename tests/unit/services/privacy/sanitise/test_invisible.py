"""What a model may get: no character that nobody sees."""

import pytest

from services.privacy.sanitise.invisible import INVISIBLE, strip_ansi, visible


@pytest.mark.parametrize("code", [0, 8, 0x7F, 0xAD, 0x200B, 0x202E, 0x2066, 0xFE0F, 0xFEFF, 0xE0041, 0xE0101, 0x3164])
def test_invisible_characters_do_not_reach_a_model(code: int) -> None:
    assert visible(f"a{chr(code)}b") == "ab"


def test_all_that_is_seen_stays() -> None:
    text = "Ｐａｙ “naïve” Привет\r\n\tעברית №1 ﬁ 𝐱"
    assert visible(text) == text


def test_terminal_sequences_go_with_their_links() -> None:
    assert visible("\x1b]8;;https://a.example/?k=1\x1b\\here\x1b]8;;\x1b\\ \x1b[8mhid\x1b[0m") == "here hid"
    assert strip_ansi("plain") == "plain"


def test_a_terminal_string_without_end_takes_no_text_with_it() -> None:
    assert "stays" in visible("\x1b]0;title stays")


def test_joiners_may_stay_where_they_are_seen() -> None:
    text = "می‌خواهم ❤️ 👨‍👩‍👧"
    assert visible(text, joiners=True) == text
    assert not INVISIBLE.search(visible(text))
    assert visible("a\u200db\ufe0f", joiners=True) == "ab"
    assert visible("😊" + "\ufe01\ufe02\ufe03", joiners=True) == "😊"
