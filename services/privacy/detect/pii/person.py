"""Hints of names: behind a title, behind words that introduce a person, and in salutations."""

from typing import Final

from services.privacy.detect.rules import Rule

_CAP: Final = r"\p{Lu}(?:[\p{L}'’\-]+|\.)"
_NAME: Final = rf"{_CAP}(?: (?:(?:van|von|de|da|der|den|del|la|bin|al|el) )*{_CAP}){{0,3}}"
_TITLES: Final = (
    r"Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Rev|Sir|Madam|Lord|Lady|Herr|Herrn|Frau|Mme|Mlle|Monsieur|Madame|Señora?|Sra?|Don|Doña"
    r"|Signora?|Sig|Dott|Senhora?|Dhr|Mevr|Mevrouw|Meneer|Pani?|Fru|Rouva|Herra|Г-н|Г-жа|господин|госпожа"
)
_SAYS: Final = (
    r"my name is|my name's|name's|i am called|called|this is|here is|speaking with|signed by|my (?:wife|husband|son|daughter|brother|sister|mother|father) is"
    r"|ich heiße|ich heisse|mein name ist|je m'appelle|mon nom est|me llamo|mi nombre es|mi chiamo|il mio nome è|meu nome é|chamo-me|me chamo"
    r"|mijn naam is|ik heet|nazywam się|mam na imię|jag heter|mitt namn är|jeg heter|jeg hedder|nimeni on|меня зовут|adım|my names are"
)
_LABELS: Final = (
    r"(?:full |first |last |given |family |customer |patient |client |employee |contact |account holder'?s? |cardholder )?name"
    r"|surname|nachname|vorname|nom|prénom|nombre|apellidos?|nome|cognome|naam|nazwisko|imię|namn|navn|nimi|имя|фамилия|фио|signed|attn\.?|guardian"
)

RULES: Final = (
    Rule("pii.name.title", "name", rf"(?:^|[^\p{{L}}])(?:{_TITLES})\.? ({_NAME})", 0.6, group=1),
    Rule("pii.name.says", "name", rf"(?:^|[^\p{{L}}])(?i:{_SAYS}),? ({_NAME})", 0.6, group=1),
    Rule(
        "pii.name.label",
        "name",
        rf"(?:^|[^\p{{L}}])(?i:{_LABELS})[\"']?\s?[:=：]\s?[\"']?({_NAME})",
        0.55,
        group=1,
        keyed=True,
    ),
    Rule(
        "pii.name.salutation",
        "name",
        rf"(?:^|[^\p{{L}}])(?i:dear|hi|hello|hey|sehr geehrter?|liebe[r]?|hallo|cher|chère|bonjour|estimad[oa]|hola|car[oa]|gentile|prezad[oa]|beste|kära|kjære|szanown[ya]|уважаем(?:ый|ая)|здравствуйте),? ({_NAME})(?:[,!.:\s]|$)",
        0.5,
        group=1,
    ),
    Rule(
        "pii.name.signature",
        "name",
        rf"(?i:regards|sincerely|cheers|thanks|thank you|yours|truly|grüße[n]?|gruß|cordialement|saludos|saluti|atenciosamente|groet(?:en)?|уважением),?\s*\n\s*({_NAME})(?:\s|$)",
        0.5,
        group=1,
    ),
)
