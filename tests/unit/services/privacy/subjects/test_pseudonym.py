"""Pseudonyms of data subjects."""

import pytest

from schemas.errors import InvalidInput
from schemas.privacy.sealed import is_subject
from services.privacy.subjects.pseudonym import pseudonym_of
from services.privacy.vault.memory import memory_vault


async def test_a_person_has_one_pseudonym_per_organisation() -> None:
    keys = memory_vault().keys
    first = await pseudonym_of(keys, "acme", "anna@example.org")
    assert is_subject(first)
    assert "anna" not in first
    assert await pseudonym_of(keys, "acme", " anna@example.org ") == first
    assert await pseudonym_of(keys, "acme", "bert@example.org") != first
    assert await pseudonym_of(keys, "other", "anna@example.org") != first


@pytest.mark.parametrize("bad", ["", "  ", "a" * 257, "a\nb"])
async def test_what_is_no_id_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInput, match="subject"):
        await pseudonym_of(memory_vault().keys, "acme", bad)
