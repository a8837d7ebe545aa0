"""Numbers of passports and driving licences. They have no check digit to rely on, so a word must be near."""

from typing import Final

from services.privacy.detect.near import Words
from services.privacy.detect.pii.checks import digits_of, varied
from services.privacy.detect.rules import Family, Rule

_PASSPORT: Final = (
    *("passport*", "reisepass*", "passnummer", "passeport*", "pasaporte*", "passaporto", "passaporte", "paspoort*"),
    *("paszport*", "pass nr", "passi", "паспорт*", "загранпаспорт*", "护照", "旅券", "パスポート", "여권"),
)
_LICENCE: Final = (
    *("driver's license*", "driver's licence*", "drivers license*", "drivers licence*", "driver license*"),
    *("driver licence*", "driving licence*", "driving license*", "dl", "dln", "license number", "licence number"),
    *("driver’s license*", "driver’s licence*", "führerschein*", "permis de conduire", "permiso de conducir"),
    *("licencia de conducir", "carnet de conducir", "patente di guida", "patente", "carta de condução", "cnh"),
    *("rijbewijs*", "prawo jazdy", "prawa jazdy", "körkort*", "kørekort*", "førerkort*", "ajokort*", "jogosítvány*"),
    *("водительск*", "驾驶证", "驾照", "運転免許", "운전면허"),
)


#: Their shapes are those of many words and numbers, so the words that they need trigger them.
_PAPERS: Final = Family("papers", Words((*_PASSPORT, *_LICENCE)).pattern, words=True)


def is_passport(value: str) -> bool:
    """Return whether it has as many digits as numbers of passports have."""
    return len(digits_of(value)) >= 4 and varied(digits_of(value))


def is_licence(value: str) -> bool:
    """Return whether it has as many signs, most of them digits, as numbers of licences have."""
    signs = [char for char in value if char.isalnum()]
    return 6 <= len(signs) <= 20 and len(digits_of(value)) >= 5 and varied(digits_of(value))


def is_machine_readable(value: str) -> bool:
    """Return whether the first line of a passport's two names a country and a person (ICAO 9303, part 4)."""
    return "<<" in value[5:]


RULES: Final = (
    Rule(
        "pii.passport",
        "passport",
        r"(?:^|[^\w\-])([A-Z]{0,3}\d{6,9}[A-Z]?|\d{2}[A-Z]{2}\d{5}|[A-Z][A-Z0-9]{7}\d"
        r"|\d{2} ?\d{2} ?\d{6}|[CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8})(?:$|[^\w\-])",
        0.8,
        group=1,
        validate=is_passport,
        near=_PASSPORT,
        family=_PAPERS,
    ),
    Rule(
        "pii.passport.machine_readable",
        "passport",
        r"\bP[A-Z<][A-Z]{3}[A-Z]+<+[A-Z<]+<(?:\s+[A-Z0-9<]+)?",
        0.95,
        validate=is_machine_readable,
    ),
    Rule(
        "pii.driver_license",
        "driver_license",
        r"(?:^|[^\w\-])((?:[A-Z]{1,5}-?)?\d[\dA-Z]*(?:[ \-]\d[\dA-Z]*)*)(?:$|[^\w\-])",
        0.8,
        group=1,
        validate=is_licence,
        near=_LICENCE,
        family=_PAPERS,
    ),
)
