"""The parent of a step, by its id."""

import pytest

from schemas.ids import span_id
from schemas.step_tree import parent_span, parent_step


@pytest.mark.parametrize(
    ("step", "parent"),
    [
        ("split", ""),
        ("analyze[3]", "analyze"),
        ("analyze/gather[0]", "analyze"),
        ("analyze/gather", "analyze"),
        ("assistant/turn-2", "assistant"),
        ("assistant/turn-2/search[0]", "assistant/turn-2"),
        ("helpers[1]/turn-1", "helpers[1]"),
        ("helpers[1]/turn-1/search[12]", "helpers[1]/turn-1"),
        ("refine~2/draft", "refine"),
        ("refine~12/parts[3]", "refine~12/parts"),
        ("refine~2/parts/gather[1]", "refine~2/parts"),
        ("refine~2/assistant/turn-1", "refine~2/assistant"),
        ("refine~2/assistant/turn-1/search[0]", "refine~2/assistant/turn-1"),
        ("refine~2/helpers[0]/turn-1", "refine~2/helpers[0]"),
    ],
)
def test_parent_step(step: str, parent: str) -> None:
    assert parent_step(step) == parent


def test_span_of_a_step_is_below_that_of_its_parent_or_the_run() -> None:
    assert parent_span("r", "split") == span_id("r")
    assert parent_span("r", "analyze[3]") == span_id("r", "analyze")
