import pytest
from pydantic import ValidationError

from schemas.spec.policy import Policy, RoutePolicy


def test_route_as_text_is_its_policy() -> None:
    assert Policy.model_validate({"route": "cheapest"}).route == RoutePolicy(by="cheapest")
    assert Policy().route is None


def test_route_is_written_without_defaults() -> None:
    assert Policy.model_validate({"route": "learn"}).model_dump(exclude_defaults=True) == {"route": {"by": "learn"}}


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        ("dearest", "Input should be 'cheapest'"),
        ({"by": "learn", "models": ["gpt-5"]}, "String should match pattern"),
        ({"by": "best", "mean_cost_cents": 1}, "mean_cost_cents needs by: learn"),
        ({"by": "learn", "mean_cost_cents": 0}, "greater than 0"),
    ],
)
def test_bad_route_is_refused(route: object, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Policy.model_validate({"route": route})
