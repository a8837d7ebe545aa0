"""IBANs, routing numbers and account numbers."""

from typing import Final

from services.privacy.detect.pii.checks import digits_of, passes_mod97, varied
from services.privacy.detect.rules import CODES, DIGITS, Family, Rule

#: Length of an IBAN by its country (ISO 13616, the registry of SWIFT).
IBAN_LENGTHS: Final[dict[str, int]] = {
    "AD": 24,
    "AE": 23,
    "AL": 28,
    "AT": 20,
    "AZ": 28,
    "BA": 20,
    "BE": 16,
    "BG": 22,
    "BH": 22,
    "BI": 27,
    "BR": 29,
    "BY": 28,
    "CH": 21,
    "CR": 22,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DJ": 27,
    "DK": 18,
    "DO": 28,
    "EE": 20,
    "EG": 29,
    "ES": 24,
    "FI": 18,
    "FK": 18,
    "FO": 18,
    "FR": 27,
    "GB": 22,
    "GE": 22,
    "GI": 23,
    "GL": 18,
    "GR": 27,
    "GT": 28,
    "HN": 28,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IQ": 23,
    "IS": 26,
    "IT": 27,
    "JO": 30,
    "KW": 30,
    "KZ": 20,
    "LB": 28,
    "LC": 32,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "LY": 25,
    "MC": 27,
    "MD": 24,
    "ME": 22,
    "MK": 19,
    "MN": 20,
    "MR": 27,
    "MT": 31,
    "MU": 30,
    "NI": 28,
    "NL": 18,
    "NO": 15,
    "OM": 23,
    "PK": 24,
    "PL": 28,
    "PS": 29,
    "PT": 25,
    "QA": 29,
    "RO": 24,
    "RS": 22,
    "RU": 33,
    "SA": 24,
    "SC": 31,
    "SD": 18,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "SO": 23,
    "ST": 25,
    "SV": 28,
    "TL": 23,
    "TN": 24,
    "TR": 26,
    "UA": 29,
    "VA": 22,
    "VG": 24,
    "XK": 20,
    "YE": 30,
}
#: First two digits of routing numbers that were given out (American Bankers Association).
_ROUTING_AREAS: Final = frozenset((*range(13), *range(21, 33), *range(61, 73), 80))


def iban_in(found: str) -> tuple[int, int] | None:
    """Return where in a run of groups the IBAN ends: what follows it may be a word."""
    country = found[:2].upper()
    length = IBAN_LENGTHS.get(country)
    if length is None:
        return None
    end = _end_of(found, length)
    if end is None or (end < len(found) and found[end].isalnum()):
        return None
    value = "".join(char for char in found[:end] if char.isalnum())
    return (0, end) if passes_mod97(value[4:] + value[:4]) else None


def _end_of(found: str, length: int) -> int | None:
    for place, char in enumerate(found):
        length -= char.isalnum()
        if length == 0:
            return place + 1
    return None


def is_routing(value: str) -> bool:
    """Return whether it is a routing number of a US bank by its area and check digit."""
    if int(value[:2]) not in _ROUTING_AREAS or not varied(value):
        return False
    weights = (3, 7, 1, 3, 7, 1, 3, 7, 1)
    return sum(weight * int(digit) for weight, digit in zip(weights, value, strict=True)) % 10 == 0


def is_account(value: str) -> bool:
    """Return whether it has as many digits as accounts have."""
    digits = digits_of(value)
    return 5 <= len(digits) <= 20 and varied(digits)


_NUMBER_WORD: Final = r"(?:numbers?|nos?|num|nr|n°|nº|№|#|id)?[.:]?\s?(?:is|are|was|ist|est|es|è|:|=|#)?\s?"
_ACCOUNT_WORDS: Final = (
    r"bank(?:ing)? account|account (?:number|no|nr|num)|account ?#|acct|a/c|checking account|savings account"
    r"|konto(?:nummer|nr)?|numéro de compte|compte bancaire|número de cuenta|cuenta bancaria|conto corrente"
    r"|conta (?:corrente|bancária)|rekening(?:nummer)?|numer konta|номер сч[её]та|口座番号|银行账号|账号|계좌번호"
)

RULES: Final = (
    Rule(
        "pii.iban",
        "iban",
        r"(?i)(?:^|[^\w])([a-z]{2}\d{2}(?:[ \-]?[a-z0-9]{4})+(?:[ \-]?[a-z0-9]{1,3})?)",
        0.98,
        group=1,
        narrow=iban_in,
        family=CODES,
    ),
    Rule(
        "pii.bank.routing",
        "bank_account",
        r"(?:^|[^\w.,+\-])(\d{9})(?:$|[^\w\-])",
        0.85,
        family=DIGITS,
        group=1,
        validate=is_routing,
        near=("routing", "aba", "rtn", "transit", "wire", "ach"),
    ),
    Rule(
        "pii.bank.sort_code",
        "bank_account",
        r"(?:^|[^\w\-])(\d{2}-\d{2}-\d{2}|\d{2} \d{2} \d{2}|\d{6})(?:$|[^\w\-])",
        0.7,
        family=DIGITS,
        group=1,
        near=("sort code", "sortcode", "bankleitzahl", "blz"),
    ),
    Rule(
        "pii.bank.account",
        "bank_account",
        rf"(?i)(?:{_ACCOUNT_WORDS})\s?{_NUMBER_WORD}(\d[\d \-]{{3,20}}\d)",
        0.75,
        group=1,
        validate=is_account,
        keyed=True,
        family=Family("accounts", rf"(?i)(?:{_ACCOUNT_WORDS})", words=True),
    ),
)
