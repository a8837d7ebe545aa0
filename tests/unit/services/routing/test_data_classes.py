import pytest

from services.routing.data_classes import DataClasses

CLASSES = DataClasses(
    {"pii": ("local/*", "openai/*"), "health": ()},
    {("acme", "pii"): ("local/*",), ("acme", "own"): ("openai/*",)},
)


@pytest.mark.parametrize(
    ("org", "data_class", "route", "may"),
    [
        ("acme", "", "google/any", True),
        ("other", "pii", "openai/gpt", True),
        ("other", "pii", "google/any", False),
        ("acme", "pii", "openai/gpt", False),
        ("acme", "pii", "local/m", True),
        ("acme", "own", "openai/gpt", True),
        ("other", "own", "openai/gpt", False),
        ("other", "health", "local/m", False),
    ],
)
def test_route_must_be_on_every_list_of_the_class(org: str, data_class: str, route: str, may: bool) -> None:
    why = CLASSES.refusal(org, data_class, route)
    assert (why is None) == may
    assert may or "ROUTES_FILE" in str(why)


def test_barred_routes_have_their_reason() -> None:
    assert list(CLASSES.barred("acme", "pii", ["local/m", "openai/gpt"])) == ["openai/gpt"]
