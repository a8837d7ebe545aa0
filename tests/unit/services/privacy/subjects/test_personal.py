"""Texts that travel in clear in runs of data subjects."""

import pytest

from services.privacy.subjects.personal import looks_personal


@pytest.mark.parametrize(
    "text", ["anna.miller@example.org", "ticket of anna.miller@example.org", "DE89370400440532013000"]
)
def test_personal_data_is_found(text: str) -> None:
    assert looks_personal(text) is not None


@pytest.mark.parametrize(
    "text", ["research", "team-7", "2026-11-29", "order-4711", "https://example.org/a", "10.0.0.1"]
)
def test_usual_names_are_none(text: str) -> None:
    assert looks_personal(text) is None
