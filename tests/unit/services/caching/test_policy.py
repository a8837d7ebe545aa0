"""How long answers are kept."""

import pytest

from schemas.records.steps import CacheWish
from services.caching.policy import DEFAULT_TTLS, PLAIN, ttl_s, ttls_of


def test_the_nodes_ttl_goes_before_the_tiers() -> None:
    ttls = ttls_of("gold=600, bronze=86400")
    assert [ttl_s(PLAIN, tier, ttls) for tier in ("gold", "silver", "bronze")] == [600, 3_600, 86_400]
    assert ttl_s(CacheWish(ttl_s=5), "gold", ttls) == 5


def test_one_number_is_of_all_tiers() -> None:
    assert set(ttls_of("60").values()) == {60}
    assert ttls_of("") == DEFAULT_TTLS


@pytest.mark.parametrize("setting", ["an hour", "gold", "gold=", "gold=0", "brass=5", "-1", "3e3", "99999999"])
def test_a_wrong_setting_says_how_to_write_it(setting: str) -> None:
    with pytest.raises(ValueError, match=r"CACHE_TTL=.*write "):
        ttls_of(setting)
