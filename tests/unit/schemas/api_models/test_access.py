"""Ids and permissions of the API's access."""

import pytest
from pydantic import ValidationError

from schemas.api_models.access import CreateOrganisation, in_order


def test_organisation_named_as_dead_letters_are_is_refused() -> None:
    with pytest.raises(ValidationError, match="'dlq' is reserved for dead letters; choose another id"):
        CreateOrganisation(id="dlq")
    assert CreateOrganisation(id="dlq2").id == "dlq2"


def test_permissions_have_one_order_and_no_repeats() -> None:
    assert in_order(["admin", "read", "admin"]) == ["read", "admin"]
