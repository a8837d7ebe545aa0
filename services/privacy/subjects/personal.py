"""Whether a text that is not sealed looks like personal data or a secret."""

from services.privacy.detect.standard import standard_detectors

#: Names, tags and ids are short: a weak hit in one, such as a number that may be a phone's, is no reason to refuse.
LEAST_CONFIDENCE = 0.6
#: Of personal data, these name machines and places of data, and are usual in tags.
_USUAL = frozenset({"ip", "mac", "url", "name", "address"})


def looks_personal(text: str) -> str | None:
    """Return the kind of personal data or of a secret that a text has, ``None`` for none. Raises ``DetectorFailed``."""
    found = [
        one
        for one in standard_detectors().find(text)
        if one.confidence >= LEAST_CONFIDENCE and one.kind not in _USUAL and one.data_class in ("pii", "secret")
    ]
    return max(found, key=lambda one: one.confidence).kind if found else None
