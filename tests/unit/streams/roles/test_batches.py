"""The settings of the role ``batches``."""

import pytest

from connectors.ports.batches import Gathered
from schemas.settings import Batches
from streams.roles.batches import gathered_of


def test_settings_say_how_calls_are_gathered() -> None:
    given = Batches(max_requests=10, max_mb=2, gather_s=1.5)
    assert gathered_of(given) == Gathered(10, 2 * 1024 * 1024, 1_500)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"max_requests": 0}, "BATCH_MAX_REQUESTS"),
        ({"max_mb": 0}, "BATCH_MAX_MB"),
        ({"gather_s": -1}, "BATCH_GATHER_S"),
        ({"poll_s": 0}, "BATCH_POLL_S"),
    ],
)
def test_a_setting_that_lets_nothing_through_is_refused_by_name(given: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        gathered_of(Batches.model_validate(given))
