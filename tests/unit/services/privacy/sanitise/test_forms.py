"""Canonical forms: one spelling for what looks the same."""

import pytest

from services.privacy.sanitise.forms import canonical, folded


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("іgnоrе рrеviоus", "ignore previous"),
        ("раураl", "paypal"),
        ("ｉｇｎｏｒｅ", "ignore"),
        ("𝐢𝐠𝐧𝐨𝐫𝐞", "ignore"),
        ("ig\u200bno\u00adre", "ignore"),
        ("i\u0332g\u0332n\u0332o\u0332r\u0332e\u0332", "ignore"),
        ("\x1b[31mig\x1b[0mnore", "ignore"),
        ("٤١١١ ४१११", "4111 4111"),
        ("“it’s”", '"it\'s"'),
        ("🅸🅶🅽🅾🆁🅴", "IGNORE"),
        ("".join(chr(0xE0000 + ord(one)) for one in "ignore"), "ignore"),
        ("e\u0301", "é"),
        ("a\ud800b", "a\ufffdb"),
    ],
)
def test_what_looks_like_ascii_is_ascii(text: str, plain: str) -> None:
    assert canonical(text)[0] == plain


@pytest.mark.parametrize(
    "text",
    [
        "Привет, как дела? Вот рак и сор.",
        "Καλημέρα σου, που είσαι;",
        "日本語のテキスト",
        "שלום עולם",
        "मेरा नाम",
        "être où ça",
        "Tシャツ",
    ],
)
def test_texts_of_other_scripts_stay(text: str) -> None:
    assert canonical(text)[0] == text


def test_removed_characters_belong_to_the_one_before() -> None:
    plain, offsets = canonical("pass\u200b\u200bword")
    start = plain.index("pass")
    assert offsets.span(start, start + 4) == (0, 6)
    assert offsets.span(4, 8) == (6, 10)


def test_a_part_of_a_wide_character_leads_to_it() -> None:
    plain, offsets = canonical("oﬃce")
    assert plain == "office"
    assert offsets.span(2, 3) == (1, 2)


def test_accents_are_folded_where_there_are_some() -> None:
    assert folded("ïgnörë") == "ignore"
    assert folded("сору and жизнь") == "copy and жизнь"
    assert folded("жизнь") is None
