"""National identity and tax numbers, each checked by its module of ``python-stdnum``.

A check digit alone lets one number in ten or so pass, so numbers of digits alone need a word near. Those with letters,
or signs at fixed places, may stand alone. The modules are imported when a number of theirs is checked first.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple

from services.privacy.detect.pii.checks import digits_of, varied
from services.privacy.detect.rules import CODES, DIGITS, Rule


class _Number(NamedTuple):
    """A national number: its module in ``stdnum``, its shape, words near with ``|`` between, the confidence alone."""

    module: str
    shape: str
    near: str
    alone: float = 0.0
    sure: float = 0.9


#: Numbers of digits alone share one search.
_DIGITS: Final = r"\d{8,18}"

_NUMBERS: Final[tuple[_Number, ...]] = (
    _Number("ar.cuit", r"\d{2}-\d{8}-\d|\d{11}", "cuit|cuil|afip"),
    _Number("at.vnr", r"\d{4} ?\d{6}", "sozialversicherungsnummer|svnr|sv-nummer|svnummer|versicherungsnummer"),
    _Number("au.tfn", r"\d{3} ?\d{3} ?\d{2,3}", "tfn|tax file number|tax file no"),
    _Number(
        "be.nn",
        r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}|\d{11}",
        "rijksregister*|registre national|numéro national|nationaal nummer|nrn|niss|insz",
    ),
    _Number("bg.egn", _DIGITS, "егн|egn|единен граждански"),
    _Number("br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", "cpf|cadastro", alone=0.8),
    _Number("br.cpf", _DIGITS, "cpf|cadastro"),
    _Number("ca.sin", r"\d{3}[ \-]\d{3}[ \-]\d{3}|\d{9}", "sin|social insurance|nas|assurance sociale"),
    _Number("ch.ssn", r"756\.?\d{4}\.?\d{4}\.?\d{2}", "ahv*|avs|sozialversicherung*", alone=0.85),
    _Number("cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", "rut|run|rol único", alone=0.7),
    _Number("cl.rut", r"\d{7,8}-[\dkK]", "rut|run|rol único"),
    _Number("cn.ric", r"\d{17}[\dXx]", "身份证*|居民身份证|id card|resident identity", alone=0.75),
    _Number("co.nit", r"\d{1,3}(?:\.?\d{3}){2}-\d|\d{9,10}", "nit|cédula|cedula"),
    _Number("cz.rc", r"\d{6}/\d{3,4}", "rodné číslo|rodne cislo|rč|rodného čísla|rodné", alone=0.6),
    _Number(
        "de.idnr",
        r"\d{2} ?\d{3} ?\d{3} ?\d{3}",
        "steuer-id*|steuerid*|steueridentifikationsnummer|idnr|identifikationsnummer|tin|steuernummer|steuerliche",
    ),
    _Number("dk.cpr", r"\d{6}-?\d{4}", "cpr*|personnummer*"),
    _Number("ec.ci", _DIGITS, "cédula|cedula"),
    _Number("ee.ik", _DIGITS, "isikukood*"),
    _Number("es.dni", r"\d{8}-?[A-Za-z]", "dni|nif|documento nacional|identidad", alone=0.7),
    _Number("es.nie", r"[XYZxyz]-?\d{7}-?[A-Za-z]", "nie|nif|extranjero*", alone=0.75),
    _Number("fi.hetu", r"\d{6}[\-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", "hetu|henkilötunnus*|personbeteckning", alone=0.85),
    _Number(
        "fr.nir",
        r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}",
        "nir|sécurité sociale|securite sociale|insee|numéro de sécu|sécu",
        alone=0.7,
    ),
    _Number("fr.nif", r"[0-3]\d ?\d{2} ?\d{3} ?\d{3} ?\d{3}", "numéro fiscal|nif|spi|identifiant fiscal"),
    _Number("gb.nhs", r"\d{3}[ \-]?\d{3}[ \-]?\d{4}", "nhs|national health"),
    _Number("gb.utr", r"\d{10}K?", "utr|unique taxpayer"),
    _Number("gr.amka", _DIGITS, "αμκα|amka"),
    _Number("hr.oib", _DIGITS, "oib|osobni identifikacijski"),
    _Number("id.nik", _DIGITS, "nik|ktp|nomor induk"),
    _Number("ie.pps", r"\d{7}[A-Wa-w][ABWTXZabwtxz]?", "pps|ppsn|pps number|personal public service", alone=0.5),
    _Number("il.idnr", r"\d{8}-?\d", "teudat zehut|תעודת זהות|ת.ז|israeli id|mispar zehut"),
    _Number("in_.aadhaar", r"[2-9]\d{3}[ \-]?\d{4}[ \-]?\d{4}", "aadhaar|aadhar|uidai|आधार|uid"),
    _Number("in_.pan", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", "pan|permanent account|income tax", alone=0.6),
    _Number("is_.kennitala", r"\d{6}-?\d{4}", "kennitala|kt"),
    _Number(
        "it.codicefiscale",
        r"(?i:[a-z]{6}\d{2}[abcdehlmprst]\d{2}[a-z]\d{3}[a-z])",
        "codice fiscale|c.f|cf",
        alone=0.9,
    ),
    _Number("kr.rrn", r"\d{6}-[1-8]\d{6}", "주민등록번호|주민번호|rrn|resident registration", alone=0.8),
    _Number("lt.asmens", _DIGITS, "asmens kod*"),
    _Number("mx.curp", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", "curp", alone=0.9),
    _Number("mx.rfc", r"[A-ZÑ&]{3,4}\d{6}[0-9A-Z]{3}", "rfc", alone=0.5),
    _Number("my.nric", r"\d{6}-\d{2}-\d{4}", "nric|mykad|kad pengenalan|ic", alone=0.6),
    _Number("nl.bsn", r"\d{4}\.?\d{2}\.?\d{3}", "bsn|burgerservicenummer|sofinummer|sofi-nummer"),
    _Number("no.fodselsnummer", r"\d{6} ?\d{5}", "fødselsnummer*|fodselsnummer|personnummer*|fnr|fødselsnr"),
    _Number("nz.ird", r"\d{2,3}-?\d{3}-?\d{3}", "ird"),
    _Number("pk.cnic", r"\d{5}-\d{7}-\d", "cnic|nadra|identity card", alone=0.7),
    _Number("pl.pesel", _DIGITS, "pesel*"),
    _Number("pl.nip", r"\d{3}-\d{3}-\d{2}-\d{2}|\d{3}-\d{2}-\d{2}-\d{3}|\d{10}", "nip"),
    _Number("pt.nif", r"\d{3} ?\d{3} ?\d{3}", "nif|contribuinte|número fiscal"),
    _Number("ro.cnp", _DIGITS, "cnp|cod numeric"),
    _Number("rs.pib", _DIGITS, "pib|пиб"),
    _Number("ru.inn", _DIGITS, "инн|inn"),
    _Number("se.personnummer", r"(?:\d{2})?\d{6}[\-+]\d{4}", "personnummer*|personnr|pnr", alone=0.65),
    _Number("se.personnummer", r"\d{10}|\d{12}", "personnummer*|personnr|pnr"),
    _Number("si.emso", _DIGITS, "emšo|emso|jmbg|јмбг|matični broj"),
    _Number("sk.rc", r"\d{6}/\d{3,4}", "rodné číslo|rodne cislo|rodného čísla|rodné"),
    _Number("th.pin", r"\d-\d{4}-\d{5}-\d{2}-\d|\d{13}", "เลขประจำตัวประชาชน|บัตรประชาชน|thai id|citizen id"),
    _Number("tr.tckimlik", _DIGITS, "tc kimlik|t.c. kimlik|kimlik no|kimlik numarası|tckn"),
    _Number("ua.rntrc", _DIGITS, "рнокпп|іпн|ідентифікаційний номер|ипн"),
    _Number("vn.mst", r"\d{10}(?:-\d{3})?", "mst|mã số thuế"),
    _Number("za.idnr", _DIGITS, "id number|identity number|south african id|rsa id|id no|sa id"),
)

_NINO: Final = r"[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"
#: Prefixes that National Insurance numbers never have (HM Revenue & Customs, NIM39110).
_NOT_NINO: Final = frozenset(("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"))


def is_nino(value: str) -> bool:
    """Return whether the prefix of a National Insurance number is one that is given out."""
    return value[:2] not in _NOT_NINO


def countries() -> tuple[str, ...]:
    """Return the countries whose numbers are known, as ISO 3166 codes."""
    return tuple(sorted({one.module[:2].upper() for one in _NUMBERS} | {"GB"}))


@cache
def _module(name: str) -> Any:
    return import_module(f"stdnum.{name}")


def check_of(module: str) -> Callable[[str], bool]:
    """Return the check of a module of ``stdnum``."""

    def is_valid(value: str) -> bool:
        return varied(digits_of(value)) and bool(_module(module).is_valid(value))

    return is_valid


def _rules() -> tuple[Rule, ...]:
    found, seen = [], dict[str, int]()
    for one in _NUMBERS:
        country, _, name = one.module.partition(".")
        rule_id = f"pii.national_id.{country.strip('_')}.{name}"
        seen[rule_id] = seen.get(rule_id, 0) + 1
        found.append(
            Rule(
                rule_id if seen[rule_id] == 1 else f"{rule_id}.digits",
                "national_id",
                rf"(?:^|[^\w.,+\-/])({one.shape})(?:$|[^\w\-/])",
                one.sure,
                group=1,
                validate=check_of(one.module),
                near=tuple(one.near.split("|")),
                alone=one.alone,
                family=CODES if one.shape.startswith(("[A-Z", "[XYZ", "(?i")) else DIGITS,
            )
        )
    return tuple(found)


RULES: Final = (
    *_rules(),
    Rule(
        "pii.national_id.gb.nino",
        "national_id",
        rf"(?:^|[^\w\-])({_NINO})(?:$|[^\w\-])",
        0.9,
        group=1,
        validate=is_nino,
        near=("nino", "ni number", "national insurance", "ni no"),
        alone=0.75,
        family=CODES,
    ),
)
