"""Every operation describes itself: a summary of one line, a description, and an example of each body."""

from typing import Any

import pytest

from tests.support.api_app import openapi

DOCUMENT = openapi()
OPERATIONS = {f"{method} {path}": found for path, of in DOCUMENT["paths"].items() for method, found in of.items()}


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_an_operation_has_a_summary_of_one_line_and_a_description(name: str) -> None:
    operation = OPERATIONS[name]
    assert 0 < len(operation["summary"]) <= 60
    assert "\n" not in operation["summary"]
    assert operation["description"]


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_every_body_of_an_operation_has_an_example(name: str) -> None:
    operation = OPERATIONS[name]
    bodies: list[dict[str, Any]] = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for media_type, media in body.get("content", {}).items():
            assert "json" not in media_type or "example" in media, (name, media_type)


@pytest.mark.parametrize("name", [name for name, found in OPERATIONS.items() if "requestBody" in found])
def test_an_operation_with_a_body_says_what_becomes_of_one_that_cannot_be_read(name: str) -> None:
    assert {"400", "408", "413", "415", "422"} <= set(OPERATIONS[name]["responses"])


def test_every_operation_of_the_api_names_its_errors() -> None:
    guarded = [found for name, found in OPERATIONS.items() if "/api/v1/" in name]
    assert len(guarded) > 40
    assert all({"401", "403", "503"} <= set(found["responses"]) for found in guarded)
