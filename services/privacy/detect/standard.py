"""The rules that every organisation has."""

from functools import cache

from services.privacy.detect.engine import Detectors
from services.privacy.detect.injection.rules import INJECTION_RULES
from services.privacy.detect.pii import PII_RULES
from services.privacy.detect.rules import Rule
from services.privacy.detect.secrets.rules import SECRET_RULES

_FAMILIES = (PII_RULES, SECRET_RULES, INJECTION_RULES)


def standard_rules() -> tuple[Rule, ...]:
    """Return the rules for personal data, secrets and influence."""
    return tuple(rule for family in _FAMILIES for rule in family)


@cache
def standard_detectors() -> Detectors:
    """Return the detectors with these rules, compiled once in a process."""
    return Detectors(standard_rules(), influence=True)
