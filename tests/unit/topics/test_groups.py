"""Names of consumer groups: what is stored under them is found again by every release."""

from topics.groups import group_of


def test_groups_have_the_names_that_places_are_stored_under() -> None:
    assert group_of("history") == "agentflow.history"
