"""How long answers are kept: what the node says, else what the deployment says of its tier."""

from collections.abc import Mapping

from schemas.records.steps import CacheWish
from schemas.spec.caching import MAX_TTL_S
from schemas.spec.policy import TIERS, Tier

#: The guide's ``cache.ttl``: an hour.
DEFAULT_TTL_S = 3_600
#: Refusals of a provider that the same request meets again. Failures that may pass are never kept.
NEGATIVE = frozenset({"context_too_long", "content_filtered"})
#: Answers that are refusals in words.
REFUSALS = frozenset({"content_filter", "refusal"})
PLAIN = CacheWish()

Ttls = Mapping[Tier, int]
DEFAULT_TTLS: Ttls = dict.fromkeys(TIERS, DEFAULT_TTL_S)


def ttls_of(setting: str) -> Ttls:
    """Return the seconds of each tier, from ``3600`` or ``gold=600,bronze=86400``; a tier left out has an hour.

    Raises ``ValueError`` that says how to write it.
    """
    pairs = [part.partition("=") for part in setting.replace(" ", "").split(",") if part]
    if len(pairs) == 1 and not pairs[0][1]:
        return dict.fromkeys(TIERS, _seconds(setting, pairs[0][0]))
    unknown = [name for name, _, _ in pairs if name not in TIERS]
    if unknown:
        raise ValueError(f"CACHE_TTL={setting!r} names no tier {unknown[0]!r}; write seconds, or gold=600,bronze=86400")
    given = {tier: _seconds(setting, seconds) for name, _, seconds in pairs for tier in TIERS if tier == name}
    return {**DEFAULT_TTLS, **given}


def ttl_s(wish: CacheWish, tier: Tier, ttls: Ttls) -> int:
    """Return for how many seconds an answer is fresh."""
    return ttls[tier] if wish.ttl_s is None else wish.ttl_s


def _seconds(setting: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= MAX_TTL_S:
        raise ValueError(f"CACHE_TTL={setting!r} has {text!r}; write whole seconds from 1 to {MAX_TTL_S}")
    return int(text)
