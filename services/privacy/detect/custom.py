"""The detectors of an organisation: the standard ones, with rules of its own beside them."""

from collections.abc import Sequence
from functools import lru_cache

from schemas.privacy.custom import CustomRule
from services.privacy.detect.engine import Detectors
from services.privacy.detect.rules import Family, Rule
from services.privacy.detect.standard import standard_detectors

#: What the ids of these rules begin with in findings.
PREFIX = "own."
#: Organisations whose rules stay compiled in a process; a set of 100 rules takes some MB.
KEPT = 256
_FAMILY = Family("own")


def rule_of(custom: CustomRule) -> Rule:
    """Return an organisation's rule as one of the detectors."""
    return Rule(
        f"{PREFIX}{custom.id}",
        custom.kind,
        custom.pattern,
        custom.confidence,
        group=custom.group,
        near=custom.near,
        data_class=custom.of_class,
        family=_FAMILY,
    )


def detectors_of(org_id: str, rules: Sequence[CustomRule] = ()) -> Detectors:
    """Return the detectors of an organisation; compiled once for each list of rules. Raises ``ValueError``."""
    return _compiled(org_id, tuple(rules)) if rules else standard_detectors()


@lru_cache(KEPT)
def _compiled(_org_id: str, rules: tuple[CustomRule, ...]) -> Detectors:
    return Detectors([rule_of(one) for one in rules], beside=standard_detectors())
