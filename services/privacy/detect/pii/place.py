"""Hints of postal addresses: streets with numbers, as several languages write them, and boxes."""

from typing import Final

from services.privacy.detect.rules import Family, Rule

_CAP: Final = r"\p{Lu}[\p{L}'’.\-]*"
_UNIT: Final = r"(?:,? (?:apt|apartment|suite|ste|unit|floor|fl|no|#)\.? ?[\w\-]+)?"
_TYPES: Final = (
    r"street|st|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|terrace|ter|way|parkway|pkwy"
    r"|circle|cir|highway|hwy|crescent|cres|close|grove|gardens|mews|row|walk|alley|loop|trail|trl|plaza|route|rte|crossing|ridge|hill"
)
_ENGLISH: Final = (
    rf"\b\d{{1,6}}[A-Za-z]?(?:[\-/]\d{{1,5}})? (?:[NSEW]\.? )?(?:{_CAP}|\d{{1,3}}(?:st|nd|rd|th))"
    rf"(?: {_CAP}){{0,3}} (?i:{_TYPES})\b\.?(?i:{_UNIT})"
)
_SUFFIXES: Final = (
    r"straße|strasse|str\.|weg|platz|gasse|allee|ufer|ring|damm|straat|laan|plein|gracht|kade|dijk|gatan|gata|vägen"
    r"|vegen|veien|gate|vej|gade|katu|tie"
)
_GERMANIC: Final = rf"\p{{Lu}}[\p{{L}}\-]*(?:{_SUFFIXES}) \d{{1,4}}(?: ?[a-zA-Z]\b)?"
_SECOND: Final = r"Straße|Strasse|Str\.|Weg|Platz|Allee|Ring"
_GERMAN_TWO: Final = rf"(?:{_CAP} )+(?:{_SECOND}) \d{{1,4}}(?: ?[a-z]\b)?"
_RUE: Final = r"rue|avenue|boulevard|place|chemin|allée|impasse|quai|cours|route|square"
_FRENCH: Final = (
    rf"\b\d{{1,4}},?(?: ?(?:bis|ter))?,? (?i:{_RUE})(?: (?:de|du|des|la|le|les|l'|d'))* ?{_CAP}(?:[ \-]{_CAP}){{0,3}}"
)
_CALLE: Final = (
    r"Calle|C/|Avenida|Avda\.?|Plaza|Paseo|Carrera|Camino|Via|Viale|Piazza|Corso|Largo|Vicolo|Rua|Travessa|Praça|Estrada|Alameda"
    r"|Strada|Bulevardul|ul\.|al\.|os\.|ulica|Ulica|улица|ул\.|проспект|пр\."
)
_SOUTHERN: Final = (
    rf"(?:^|[^\p{{L}}])((?:{_CALLE})"
    rf"(?: (?:de|del|della|dei|la|las|los|da|do|das|dos|di))* ?{_CAP}(?: {_CAP}){{0,3}}"
    rf",? (?:n\.?º? ?|nº ?|д\. ?)?\d{{1,5}}(?:[/\-]\d{{1,4}})?)"
)
_UTCA: Final = r"utca|u\.|út|tér|körút|krt\.|köz|sor"
_HUNGARIAN: Final = rf"(?:{_CAP} )+(?:{_UTCA}) \d{{1,4}}\.?"
_BOXES: Final = r"p\. ?o\. ?box|po box|postfach|boîte postale|apartado|casilla|caixa postal|psc|cmr|postbus"
_BOX: Final = rf"(?i)\b(?:{_BOXES}) \d{{1,6}}(?:,? box \d{{1,5}})?"
_CITY_STATE: Final = rf"{_CAP}(?: {_CAP}){{0,2}}, [A-Z][A-Z] \d{{5}}(?:-\d{{4}})?\b"
_MILITARY: Final = r"\b(?:APO|FPO|DPO),? A[AEP] \d{5}\b"

#: A number before a capital, a street's word before a number, or a word that starts an address.
_CAPITAL: Final = r"[A-Z\x{80}-\x{10ffff}]"
_PLACES: Final = Family(
    "places",
    rf"\d[A-Za-z]? (?:[NSEW]\.? )?(?:{_CAPITAL}|\d+(?:st|nd|rd|th))|(?:{_SUFFIXES}|(?:{_SECOND})|(?:{_UTCA})) \d"
    rf"|(?:{_CALLE})(?: |{_CAPITAL})"
    rf"|\d,?(?: ?(?:bis|ter))?,? (?i:{_RUE})|(?i:{_BOXES}) \d|[A-Z][A-Z] \d{{5}}",
    words=True,
)

RULES: Final = (
    Rule("pii.address.english", "address", _ENGLISH, 0.6, family=_PLACES),
    Rule("pii.address.germanic", "address", _GERMANIC, 0.55, family=_PLACES),
    Rule("pii.address.german", "address", _GERMAN_TWO, 0.55, family=_PLACES),
    Rule("pii.address.french", "address", _FRENCH, 0.6, family=_PLACES),
    Rule("pii.address.southern", "address", _SOUTHERN, 0.55, group=1, family=_PLACES),
    Rule("pii.address.hungarian", "address", _HUNGARIAN, 0.55, family=_PLACES),
    Rule("pii.address.box", "address", _BOX, 0.6, family=_PLACES),
    Rule("pii.address.city", "address", _CITY_STATE, 0.55, family=_PLACES),
    Rule("pii.address.military", "address", _MILITARY, 0.6, family=_PLACES),
)
