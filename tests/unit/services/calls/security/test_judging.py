"""A judge is a model: without one to ask, nothing passes."""

import pytest

from schemas.errors import StepError
from schemas.policies.guards import GuardRule
from services.calls.security.judging import Judging
from tests.support.calls import call


async def test_where_no_model_can_be_asked_the_guard_has_failed() -> None:
    rule = GuardRule(id="polite", kind="judge", question="Is it polite?", provider="local", model="local-gold")
    with pytest.raises(StepError, match="no model can be asked") as caught:
        await Judging().ask(call(), rule, "a text")
    assert caught.value.code == "guard_failed"
