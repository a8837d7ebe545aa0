"""Policies that come along, which a document takes in by ``extends``. Each has tests that show what it decides."""

from collections.abc import Mapping
from typing import Final

from schemas.policies.packs import (
    ai_act,
    default,
    gdpr,
    privacy_basic,
    privacy_strict,
    providers,
    regions,
    retention,
    soc2,
)

#: The documents, by name.
PACKS: Final[Mapping[str, str]] = {
    "ai_act": ai_act.TEXT,
    "default": default.TEXT,
    "gdpr": gdpr.TEXT,
    "privacy-basic": privacy_basic.TEXT,
    "privacy-strict": privacy_strict.TEXT,
    "providers": providers.TEXT,
    "regions": regions.TEXT,
    "retention": retention.TEXT,
    "soc2": soc2.TEXT,
}
