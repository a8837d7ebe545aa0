"""Hints of names: behind a title, behind words that introduce a person, and in salutations."""

from typing import Final

from services.privacy.detect.rules import Family, Rule

_CAP: Final = r"\p{Lu}(?:[\p{L}'’\-]+|\.)"
_NAME: Final = rf"{_CAP}(?: (?:(?:van|von|de|da|der|den|del|la|bin|al|el) )*{_CAP}){{0,3}}"
_TITLES: Final = (
    r"Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Rev|Sir|Madam|Lord|Lady|Herr|Herrn|Frau|Mme|Mlle|Monsieur"
    r"|Madame|Señora?|Sra?|Don|Doña|Signora?|Sig|Dott|Senhora?|Dhr|Mevr|Mevrouw|Meneer|Pani?|Fru|Rouva|Herra|Г-н"
    r"|Г-жа|господин|госпожа"
)
_SAYS: Final = (
    r"my name is|my name's|name's|i am called|called|this is|here is|speaking with|signed by"
    r"|my (?:wife|husband|son|daughter|brother|sister|mother|father) is"
    r"|ich heiße|ich heisse|mein name ist|je m'appelle|mon nom est|me llamo|mi nombre es|mi chiamo|il mio nome è"
    r"|meu nome é|chamo-me|me chamo|mijn naam is|ik heet|nazywam się|mam na imię|jag heter|mitt namn är"
    r"|jeg heter|jeg hedder|nimeni on|меня зовут|adım|my names are"
)
_LABELS: Final = (
    r"(?:full |first |last |given |family |customer |patient "
    r"|client |employee |contact |account holder'?s? |cardholder )?name"
    r"|surname|nachname|vorname|nom|prénom|nombre|apellidos?|nome|cognome|naam|nazwisko|imię|namn|navn|nimi|имя"
    r"|фамилия|фио|signed|attn\.?|guardian"
)

_GREETINGS: Final = (
    r"dear|hi|hello|hey|sehr geehrter?|lieber?|hallo|cher|chère|bonjour|estimad[oa]|hola|car[oa]|gentile"
    r"|prezad[oa]|beste|kära|kjære|szanown[ya]|уважаем(?:ый|ая)|здравствуйте"
)
_CLOSINGS: Final = (
    r"regards|sincerely|cheers|thanks|thank you|yours|truly|grüßen?|gruß|cordialement|saludos|saluti"
    r"|atenciosamente|groet(?:en)?|уважением"
)
_CAPITAL: Final = r"[A-Z\x{80}-\x{10ffff}]"
_NAMES: Final = Family(
    "names",
    rf"(?:^|[^A-Za-z])(?:(?:{_TITLES})\.? {_CAPITAL}|(?i:{_SAYS}|{_GREETINGS}),? {_CAPITAL}"
    rf"|(?i:{_LABELS})[\"']?\s?[:=：])"
    rf"|(?i:{_CLOSINGS}),?\s*\n",
    words=True,
)
_START: Final = r"(?:^|[^\p{L}])"

RULES: Final = (
    Rule("pii.name.title", "name", rf"{_START}(?:(?:{_TITLES})\.? )+({_NAME})", 0.6, group=1, family=_NAMES),
    Rule("pii.name.says", "name", rf"{_START}(?i:{_SAYS}),? ({_NAME})", 0.6, group=1, family=_NAMES),
    Rule(
        "pii.name.label",
        "name",
        rf"{_START}(?i:{_LABELS})[\"']?\s?[:=：]\s?[\"']?({_NAME})",
        0.55,
        group=1,
        keyed=True,
        family=_NAMES,
    ),
    Rule(
        "pii.name.greeting",
        "name",
        rf"{_START}(?i:{_GREETINGS}),? ({_NAME})(?:[,!.:\s]|$)",
        0.5,
        group=1,
        family=_NAMES,
    ),
    Rule("pii.name.signature", "name", rf"(?i:{_CLOSINGS}),?\s*\n\s*({_NAME})(?:\s|$)", 0.5, group=1, family=_NAMES),
)
