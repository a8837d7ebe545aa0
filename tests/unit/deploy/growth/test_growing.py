"""Which topics grow, in which order, and to which numbers."""

import pytest

from deploy.growth.growing import Progress, check, in_order
from schemas.errors import Rejected
from topics.catalogue import wanted

ORDER = ["runs.checkpoint", "run-views", "step-requests.bronze", "step-requests.gold", "step-requests.silver"]


def test_checkpoints_grow_first_and_events_of_runs_last() -> None:
    assert in_order(list(wanted(["acme"]))) == [*ORDER, "run-events"]
    queues = in_order(list(wanted(["acme"], ["acme.render"])))
    assert "step-requests.acme.render" in queues
    assert not any(name.endswith(".dlq") for name in queues)


@pytest.mark.parametrize(
    ("to", "fix"), [(8, "never shrink; say --to 24"), (30, "say --to 36"), (4104, "at most 4095 partitions")]
)
def test_a_number_that_cannot_be_is_refused_with_one_that_can(to: int, fix: str) -> None:
    with pytest.raises(Rejected, match=fix):
        check(to, 12, 12)


def test_the_same_number_again_is_a_command_that_was_killed() -> None:
    check(24, 12, 24)
    check(24, 12, 12)


def test_progress_says_what_is_left() -> None:
    progress = Progress(partitions=24, topics=6, topics_grown=6, taken=20, old_runs=3)
    assert not progress.grown
    assert str(progress) == "6 of 6 topics have 24 partitions; 20 of 24 taken; 3 runs of before are open"
    assert Progress(24, 6, 6, 24, 3).grown
