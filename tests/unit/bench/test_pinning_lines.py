"""The lines about submissions, in a quick run: each is there, and no submission asks by itself."""

from bench.prove.flow.pinning import AIMS, measure


def test_every_line_is_measured_and_submissions_ask_once_in_a_second() -> None:
    lines = {line.name: line for line in measure(True, print)}
    assert set(lines) == {aim.name for aim in AIMS}
    assert lines["submission_policy_queries"].value == 1
    assert 0 < lines["submission_without_policy_us"].value < lines["submission_with_policy_us"].value
