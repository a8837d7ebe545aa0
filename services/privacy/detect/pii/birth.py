"""Dates of birth: a date behind words that say so."""

from typing import Final

from services.privacy.detect.rules import Family, Rule

_WORDS: Final = (
    r"date of birth|birth ?date|birth ?day|d\.o\.b\.?|dob|born(?: on)?"
    r"|geburtsdatum|geburtstag|geboren(?: am)?|geb\. ?am|geb\."
    r"|date de naissance|née? le|fecha de nacimiento|nacid[oa] el|data di nascita|nat[oa] il"
    r"|data de nascimento|nascid[oa] em|geboortedatum|geboren op|data urodzenia|urodzon[ya]"
    r"|födelsedatum|född|fødselsdato|født|syntymäaika|születési (?:dátum|idő)|datum narození"
    r"|дата рождения|родил(?:ся|ась)|doğum tarihi|出生日期|生年月日|생년월일"
)
_MONTHS: Final = (
    r"jan\w*|feb\w*|mar\w*|apr\w*|may|mai|jun\w*|jul\w*|aug\w*|sep\w*|o[ck]t\w*|nov\w*|de[cz]\w*"
    r"|janv\w*|févr\w*|mars|avr\w*|juin|juil\w*|août|déc\w*|ene\w*|abr\w*|ago\w*|dic\w*|märz|mayo|gen\w*|mag\w*|giu\w*|lug\w*|set\w*|ott\w*"
)
_DATE: Final = (
    r"\d{1,2}[./\-]\d{1,2}[./\-]\d{2,4}|\d{4}[./\-]\d{1,2}[./\-]\d{1,2}|\d{4} ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일]"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.|º)?(?: of| de)? (?:{_MONTHS})\.?,?(?: de)? \d{{4}}"
    rf"|(?:{_MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
)


def is_date(value: str) -> bool:
    """Return whether the numbers in it can be a day, a month and a year."""
    parts = [int(part) for part in "".join(char if "0" <= char <= "9" else " " for char in value).split()]
    years = [part for part in parts if part > 31]
    small = [part for part in parts if part <= 31]
    if len(years) > 1 or any(not (part <= 99 or 1880 <= part <= 2100) for part in years):
        return False
    return len(small) > 0 and (len(parts) == 2 or min(sorted(small)[:2]) <= 12)


RULES: Final = (
    Rule(
        "pii.date_of_birth",
        "date_of_birth",
        rf"(?i)(?:^|[^a-z])(?:{_WORDS})[\s\"']{{0,2}}"
        r"(?:is|was|ist|est|es|:|=|-|：)?[\s\"']{0,2}(?:the |on |am |le |el |il )?"
        rf"({_DATE})",
        0.9,
        group=1,
        validate=is_date,
        keyed=True,
        family=Family("birth", rf"(?i)(?:{_WORDS})", words=True),
    ),
)
