"""Rules for personal data, a module for each family. Each module has ``RULES``; ``PII_RULES`` are all of them."""

from typing import Final

from services.privacy.detect.pii import (
    bank,
    birth,
    card,
    email,
    national,
    network,
    papers,
    person,
    phone,
    place,
    ssn,
    url,
)
from services.privacy.detect.rules import Rule

PII_RULES: Final[tuple[Rule, ...]] = (
    *email.RULES,
    *phone.RULES,
    *card.RULES,
    *bank.RULES,
    *ssn.RULES,
    *national.RULES,
    *papers.RULES,
    *network.RULES,
    *url.RULES,
    *birth.RULES,
    *place.RULES,
    *person.RULES,
)
