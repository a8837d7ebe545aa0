"""The detectors of a policy's section ``privacy``, and redactors over them and a vault."""

from schemas.privacy.document import Privacy
from services.privacy.detect.custom import rule_of
from services.privacy.detect.engine import Detectors
from services.privacy.detect.standard import standard_detectors
from services.privacy.detect.values import Limits
from services.privacy.redact.ports import OrgKeys
from services.privacy.redact.redactors import Redactors
from services.privacy.vault.ports import Tokens


def detectors_of(section: Privacy) -> Detectors:
    """Return the standard rules with those of the section. Raises ``ValueError`` for one that is wrong."""
    limits = Limits(characters=section.limits.text_chars, depth=section.limits.depth)
    own = [rule_of(one) for one in section.rules_of_ours]
    return Detectors(own, limits, beside=standard_detectors())


def redactors_of(tokens: Tokens, keys: OrgKeys) -> Redactors:
    """Return redactors over a vault."""
    return Redactors(detectors_of, tokens, keys)
