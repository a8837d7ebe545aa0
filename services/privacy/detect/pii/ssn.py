"""US social security numbers, and the tax numbers of those who have none."""

from typing import Final

from services.privacy.detect.pii.checks import digits_of
from services.privacy.detect.rules import DIGITS, Rule

#: Numbers that advertisements showed and that nobody has (Social Security Administration).
_SHOWN: Final = frozenset(("078051120", "219099999", "123456789"))
_NEAR: Final = (
    "ssn",
    "ssns",
    "social security",
    "social sec",
    "soc sec",
    "tin",
    "taxpayer*",
    "tax id",
    "itin",
    "w2",
    "w-2",
)
_ITIN_GROUPS: Final = frozenset((*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)))


def is_ssn(value: str) -> bool:
    """Return whether the area, the group and the serial are such as numbers have since 2011."""
    digits = digits_of(value)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area in {"000", "666"} or area >= "900" or group == "00" or serial == "0000":
        return False
    return digits not in _SHOWN and len(set(digits)) > 1


def is_itin(value: str) -> bool:
    """Return whether it is a taxpayer number of the IRS: from 900, with the groups that it gives out."""
    digits = digits_of(value)
    return digits[0] == "9" and int(digits[3:5]) in _ITIN_GROUPS


_DASHES: Final = r"(?:^|[^\w.+\-])(\d{3}-\d{2}-\d{4})(?:$|[^\w\-])"
_OTHERS: Final = r"(?:^|[^\w.+\-])(\d{3} \d{2} \d{4}|\d{3}\.\d{2}\.\d{4}|\d{9})(?:$|[^\w\-])"

RULES: Final = (
    Rule("pii.ssn", "ssn", _DASHES, 0.97, group=1, family=DIGITS, validate=is_ssn, near=_NEAR, alone=0.75),
    Rule("pii.ssn.words", "ssn", _OTHERS, 0.9, group=1, family=DIGITS, validate=is_ssn, near=_NEAR),
    Rule("pii.itin", "national_id", _DASHES, 0.85, group=1, family=DIGITS, validate=is_itin, near=_NEAR),
)
