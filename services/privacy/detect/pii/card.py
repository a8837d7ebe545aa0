"""Payment card numbers: brand, length and check digit (ISO/IEC 7812)."""

from typing import Final

from services.privacy.detect.pii.checks import digits_of, passes_luhn, varied
from services.privacy.detect.rules import DIGITS, Rule

_16_TO_19: Final = frozenset((16, 17, 18, 19))
_12_TO_19: Final = frozenset(range(12, 20))

#: Brand's first digits, from and to, and the lengths of its numbers.
_BRANDS: Final[tuple[tuple[str, str, frozenset[int]], ...]] = (
    ("4", "4", frozenset((13, 16, 19))),  # Visa
    ("51", "55", frozenset((16,))),  # Mastercard
    ("2221", "2720", frozenset((16,))),
    ("34", "34", frozenset((15,))),  # American Express
    ("37", "37", frozenset((15,))),
    ("6011", "6011", _16_TO_19),  # Discover
    ("644", "649", _16_TO_19),
    ("65", "65", _16_TO_19),
    ("300", "305", frozenset((14, 16, 17, 18, 19))),  # Diners Club
    ("3095", "3095", frozenset((14, 16, 17, 18, 19))),
    ("36", "36", frozenset((14, 15, 16, 17, 18, 19))),
    ("38", "39", frozenset((14, 16, 17, 18, 19))),
    ("3528", "3589", _16_TO_19),  # JCB
    ("2131", "2131", frozenset((15,))),
    ("1800", "1800", frozenset((15,))),
    ("62", "62", _16_TO_19),  # UnionPay
    ("81", "81", _16_TO_19),
    ("2200", "2205", _16_TO_19),  # Mir
    ("50", "50", _12_TO_19),  # Maestro, Elo, Verve
    ("56", "58", _12_TO_19),
    ("6", "6", _12_TO_19),
    ("9792", "9792", frozenset((16,))),  # Troy
)
_NEAR: Final = (
    *("card*", "cc", "ccn", "credit*", "debit*", "visa", "mastercard", "maestro", "amex", "american express"),
    *(
        "discover",
        "diners",
        "jcb",
        "unionpay",
        "cvv",
        "cvc",
        "pan",
        "billed",
        "atm",
        "expir*",
        "pay*",
        "charge*",
        "lost",
        "stolen",
        "block*",
        "freeze",
    ),
    *("karte*", "kreditkarte*", "carte", "tarjeta", "carta", "cartao", "cartão", "kaart*", "kort*", "karta", "karty"),
    *("карт*", "カード", "信用卡", "银行卡", "卡号", "카드"),
)


def is_card(value: str) -> bool:
    """Return whether it has a brand's digits and length, and the check digit."""
    digits = digits_of(value)
    return _brand(digits) and passes_luhn(digits) and varied(digits)


def is_common_card(value: str) -> bool:
    """Return whether it is a card of a brand and length that few other numbers have."""
    digits = digits_of(value)
    common = (
        digits[0] in "45" or digits[:2] in {"34", "35", "37", "65"} or digits[:4] == "6011" or _mastercard_2(digits)
    )
    return common and len(digits) in {15, 16} and is_card(value)


def is_card_by_words(value: str) -> bool:
    """Return whether a number beside a word of cards is one of travel or banking: first digit 3 to 6."""
    digits = digits_of(value)
    return "3" <= digits[0] <= "6" and passes_luhn(digits) and varied(digits)


def _mastercard_2(digits: str) -> bool:
    return "2221" <= digits[:4] <= "2720"


def _brand(digits: str) -> bool:
    length = len(digits)
    return any(length in lengths and first <= digits[: len(first)] <= last for first, last, lengths in _BRANDS)


_PATTERN: Final = (
    r"(?:^|[^\w.,+\-])("
    r"\d{12,19}"
    r"|\d{4}(?: \d{4}){3}(?: \d{1,3})?"
    r"|\d{4}(?:-\d{4}){3}(?:-\d{1,3})?"
    r"|\d{4} \d{6} \d{4,5}|\d{4}-\d{6}-\d{4,5}"
    r")(?:$|[^\w.\-]|[.\-](?:$|\D))"
)

RULES: Final = (
    Rule(
        "pii.card.common",
        "card",
        _PATTERN,
        0.98,
        group=1,
        family=DIGITS,
        validate=is_common_card,
        near=_NEAR,
        alone=0.8,
    ),
    Rule("pii.card", "card", _PATTERN, 0.95, group=1, family=DIGITS, validate=is_card, near=_NEAR),
    Rule("pii.card.words", "card", _PATTERN, 0.9, group=1, family=DIGITS, validate=is_card_by_words, near=_NEAR),
)
