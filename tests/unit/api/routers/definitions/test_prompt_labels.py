"""The problem of a label that cannot be moved."""

import pytest

from api.routers.definitions.prompt_labels import _check
from schemas.errors import InvalidInput


@pytest.mark.parametrize(
    ("label", "fix"),
    [("a: b", "begin with a to z"), ("7", "choose a word"), ("latest", "choose another word")],
)
def test_a_label_that_is_refused_has_its_fix(label: str, fix: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        _check(label)
    [problem] = raised.value.problems
    assert problem.message.startswith(f"'{label}' is ")
    assert problem.fix.startswith(fix)
