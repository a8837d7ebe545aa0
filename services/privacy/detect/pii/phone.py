"""Phone numbers. Digits alone are no evidence, so the shape, ``phonenumbers`` or a word has to speak for them."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Final

from services.privacy.detect.pii.checks import digits_of
from services.privacy.detect.rules import DIGITS, Rule

#: Countries whose national forms are known without a word near. Others are found with ``+`` or beside a word.
DEFAULT_REGIONS: Final = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "AU", "IN", "BR")

_NEAR: Final = (
    *(
        "phone*",
        "telephone*",
        "tel",
        "tél",
        "mobile*",
        "cell",
        "cellphone",
        "fax",
        "faxes",
        "landline",
        "hotline",
        "pager",
    ),
    *(
        "call",
        "calls",
        "called",
        "calling",
        "caller",
        "dial*",
        "ring",
        "text me",
        "sms",
        "whatsapp",
        "signal",
        "telegram",
    ),
    *(
        "message",
        "messages",
        "messaging",
        "texts",
        "answering",
        "voicemail",
        "reach me",
        "reached at",
        "reach us",
        "extension",
    ),
    *(
        "contact",
        "unsubscribe",
        "available at",
        "helpline",
        "my number",
        "desk",
        "direct line",
        "office line",
        "home number",
        "work number",
        "ph",
        "mob",
    ),
    *(
        "telefon*",
        "handy",
        "handynummer",
        "mobil*",
        "rufnummer",
        "anrufen",
        "telefax",
        "rückruf*",
        "téléphone*",
        "portable",
    ),
    *("appelez", "appeler", "teléfono*", "telefono*", "móvil", "celular", "llame*", "llamar", "cellulare", "chiamare"),
    *(
        "chiamami",
        "telefone",
        "telemóvel",
        "ligue",
        "telefoon*",
        "mobiel",
        "bel me",
        "numer telefonu",
        "komórk*",
        "puhelin",
    ),
    *(
        "telefonnummer",
        "phone number",
        "телефон*",
        "моб",
        "тел",
        "звон*",
        "позвон*",
        "电话",
        "手机",
        "電話",
        "携帯",
        "전화",
        "휴대폰",
        "هاتف",
        "फ़ोन",
    ),
)
#: Regions of the code 1 whose numbers have no zero in front; all others that are known have one or no fixed form.
_NORTH_AMERICA: Final = frozenset(("US", "CA", "PR", "DO", "JM", "TT", "BS", "BB", "BM"))
#: Words of numbers of any kind: with one of them the digits have to be in groups such as phone numbers have.
_NUMBER: Final = (
    "number",
    "numbers",
    "nummer",
    "número",
    "numéro",
    "numero",
    "numer",
    "номер*",
    "番号",
    "号码",
    "번호",
)
#: What stands before numbers of another kind.
_NOT_PHONE: Final = (
    *(
        "order",
        "invoice",
        "ticket",
        "case",
        "isbn",
        "issn",
        "ean",
        "upc",
        "sku",
        "serial",
        "tracking",
        "zip",
        "postcode",
    ),
    *("zip code", "iban", "card", "account", "port", "pid", "version", "vat", "doi", "rfc", "ssn", "rev", "box", "id"),
    *("item", "batch", "build", "bug", "issue", "apo aa", "apo ae", "apo ap"),
)
_RUN: Final = r"[\d .\-/()]"
_EXTENSION: Final = r"(?: ?(?:x|ext\.?|#) ?\d{1,6})?"
_ANY: Final = rf"(?:^|[^\w.+(@#$€£/\-])(\(?\+?\d{_RUN}{{5}}{_RUN}*\d{_EXTENSION})(?:$|[^\w@%°:]|:(?:$|\D))"
_PLUS: Final = rf"(?:^|[^\w+])(\+\(?[1-9]{_RUN}{{5}}{_RUN}*\d{_EXTENSION})(?:$|[^\w@])"
#: Three groups or more, the first with a zero or in brackets, or three, three and four as in North America.
_NATIONAL: Final = (
    r"(?:^|[^\w.+(@#$€£/\-])("
    r"\(?0\d{1,4}\)?(?:[ .\-/]\(?\d{2,6}\)?)+"
    rf"|\(?[2-9]\d\d\)?[ .\-/]?[2-9]\d\d[ .\-]\d{{4}}{_EXTENSION}"
    r")(?:$|[^\w@%°:]|:(?:$|\D))"
)
#: Digits in groups, with little between them.
_GROUPED: Final = re.compile(r"\(?\+?\d+(?:(?:[ .\-/]|\) ?[.\-]?|[ .\-]?\(| - )\d+)*(?:(?: ?x| ?ext\.?| ?#) ?\d+)?")


def is_international(value: str) -> bool:
    """Return whether a number that starts with ``+`` has a country's code and a length that the country has."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(parsed)


def is_like_phone(value: str) -> bool:
    """Return whether a number beside a word of phones has a shape that phone numbers have."""
    main = value.lower().partition("x")[0].partition("ext")[0].partition("#")[0]
    digits = digits_of(main)
    return 7 <= len(digits) <= 15 and len(set(digits)) > 1 and not _is_date(main)


def phone_in(found: str) -> tuple[int, int] | None:
    """Return a number without a bracket that stands around all of it, ``None`` if the digits are not in groups."""
    start = 1 if found.startswith("(") and ")" not in found else 0
    return (start, len(found)) if _GROUPED.fullmatch(found, start) else None


def national_check(regions: Sequence[str]) -> Callable[[str], bool]:
    """Return the check whether a grouped number is valid in one of the countries."""
    of_regions = tuple(regions)
    return lambda value: has_phone_groups(value) and _is_valid(value, of_regions)


@lru_cache(4096)
def _is_valid(value: str, regions: tuple[str, ...]) -> bool:
    import phonenumbers

    north_american = value.lstrip("(")[0] != "0"
    for region in regions:
        if (region in _NORTH_AMERICA) is not north_american:
            continue
        try:
            parsed = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            return False
        # Countries of one code share a plan, so a valid number of any of them is one.
        if phonenumbers.is_valid_number(parsed):
            return True
    return False


def has_phone_groups(value: str) -> bool:
    """Return whether groups, brackets or a leading zero say that digits are a phone number."""
    groups = [part for part in "".join(char if char.isdigit() else " " for char in value).split() if part]
    digits = "".join(groups)
    if not 9 <= len(digits) <= 15 or len(groups) < 3 or len(groups) > 6 or _is_date(value):
        return False
    separators = {char for char in value.partition("x")[0] if char in ".-/ "}
    if len(separators) > 1 and "(" not in value:
        return False
    north_american = [len(group) for group in groups[:3]] == [3, 3, 4] and groups[0][0] > "1" and groups[1][0] > "1"
    return north_american or value.startswith(("0", "(0"))


def _is_date(value: str) -> bool:
    """Return whether it starts as dates and times do: ``2024-05-01``, ``01.05.2024``."""
    parts = [part for part in "".join(char if char.isdigit() else " " for char in value).split() if part]
    if len(parts) < 3:
        return False
    lengths = tuple(len(part) for part in parts[:3])
    if lengths[0] == 4 and lengths[1] <= 2 and lengths[2] <= 2:
        return 1800 <= int(parts[0]) <= 2199 and int(parts[1]) <= 12 and int(parts[2]) <= 31
    if lengths[2] == 4 and lengths[0] <= 2 and lengths[1] <= 2:
        return int(parts[0]) <= 31 and int(parts[1]) <= 31 and 1800 <= int(parts[2]) <= 2199
    return False


def phone_rules(regions: Sequence[str] = DEFAULT_REGIONS) -> tuple[Rule, ...]:
    """Return the rules; ``regions`` are the countries (ISO 3166) whose national forms need no word near."""
    rule = partial(Rule, group=1, family=DIGITS, narrow=phone_in)
    return (
        rule(
            "pii.phone.international",
            "phone",
            _PLUS,
            0.93,
            validate=is_international,
        ),
        rule(
            "pii.phone.words",
            "phone",
            _ANY,
            0.9,
            validate=is_like_phone,
            near=_NEAR,
            unless=_NOT_PHONE,
        ),
        rule(
            "pii.phone.grouped",
            "phone",
            _NATIONAL,
            0.75,
            validate=has_phone_groups,
            near=_NUMBER,
            unless=_NOT_PHONE,
        ),
        rule(
            "pii.phone.national",
            "phone",
            _NATIONAL,
            0.7,
            validate=national_check(regions),
            unless=_NOT_PHONE,
        ),
    )


RULES: Final = phone_rules()
