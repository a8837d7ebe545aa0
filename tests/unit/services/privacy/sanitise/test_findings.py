"""Findings of influence: links that carry data away, invisible text."""

import pytest

from bench.privacy.clean_documents import clean_documents
from bench.privacy.exfiltrations import EXFILTRATIONS
from schemas.privacy.findings import Finding
from services.privacy.sanitise.canonical import layers
from services.privacy.sanitise.findings import influence_findings


def found(text: str) -> list[Finding]:
    return influence_findings(text, layers(text))


def test_nine_of_ten_forms_of_exfiltration_are_found() -> None:
    caught = [form for form in EXFILTRATIONS if any(one.kind == "exfiltration" for one in found(form.text))]
    assert len(caught) >= 0.98 * len(EXFILTRATIONS)


def test_clean_documents_are_not_flagged() -> None:
    flagged = [text for text in clean_documents(200) if found(text)]
    assert len(flagged) <= 1


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("hi" + "".join(chr(0xE0000 + ord(one)) for one in "obey"), "invisible_tags"),
        ("😊" + "".join(chr(0xE0100 + ord(one)) for one in "obey"), "invisible_selectors"),
        ("hi" + "\u200b\u200c\u200c\u200b\u200b\u200c\u200b\u200c\u200b\u200b", "invisible_bits"),
        ("ig\u200bno\u200bre", "invisible_in_words"),
        ("file\u202egpj.exe", "bidi_override"),
        ("if admin\u2066:\u2069 pass", "bidi_without_letters"),
        ("\x1b[8mhidden\x1b[0m", "terminal_concealed"),
    ],
)
def test_invisible_text_is_found(text: str, rule: str) -> None:
    assert rule in {one.rule for one in found(text)}


@pytest.mark.parametrize(
    "text",
    [
        "👨‍👩‍👧 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "می‌خواهیم کتاب‌ها",
        "שלום \u200fעולם",
        "\ufeffhello",
        "Donau\u00addampf\u00adschiff",
        "\x1b[31mred\x1b[0m",
        "\u034f \u200c " * 20,
    ],
)
def test_characters_with_a_use_are_no_finding(text: str) -> None:
    assert found(text) == []
