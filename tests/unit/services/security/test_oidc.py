"""Claims of tokens as organisations and permissions."""

import pytest

from schemas.errors import Forbidden
from services.security.oidc import ClaimMapping

ROLES = "viewer=read,editor=read+write,admin=read+write+admin"


@pytest.mark.parametrize(
    ("claims", "permissions"),
    [
        ({"roles": ["viewer"]}, {"read"}),
        ({"roles": ["viewer", "editor", "unknown"]}, {"read", "write"}),
        ({"roles": "viewer editor"}, {"read", "write"}),
        ({"roles": []}, set()),
        ({"roles": {"admin": True}}, set()),
        ({"roles": [["admin"], 1]}, set()),
        ({}, set()),
    ],
)
def test_permissions_are_those_of_all_roles(claims, permissions):
    mapping = ClaimMapping.of("org", "roles", ROLES, "")
    assert mapping.mapped({"org": "acme", **claims}).permissions == permissions


@pytest.mark.parametrize("name", ["realm_access.roles", "https://agentflow.example/roles"])
def test_claim_is_found_by_name_or_by_path(name):
    mapping = ClaimMapping.of("org", name, ROLES, "")
    claims = {"org": "acme", "realm_access": {"roles": ["viewer"]}, "https://agentflow.example/roles": ["viewer"]}
    assert mapping.mapped(claims).permissions == {"read"}


def test_organisations_are_renamed_and_no_other_is_taken():
    mapping = ClaimMapping.of("hd", "roles", ROLES, "acme.com=acme, x=y=z")
    assert mapping.mapped({"hd": "acme.com"}).org_id == "acme"
    assert mapping.mapped({"hd": "x=y"}).org_id == "z"
    with pytest.raises(Forbidden):
        mapping.mapped({"hd": "acme"})


@pytest.mark.parametrize("said", [None, 7, ["acme"], "", "a/b", "a" * 65, "acme\n"])
def test_claim_that_names_no_organisation_is_refused(said):
    with pytest.raises(Forbidden, match="OIDC_ORG_CLAIM"):
        ClaimMapping.of("org", "roles", ROLES, "").mapped({"org": said})


@pytest.mark.parametrize(
    ("roles", "organisations"), [("viewer=look", ""), ("viewer", ""), (ROLES, "acme="), ("=read", "")]
)
def test_setting_that_is_no_mapping_is_refused_with_the_fix(roles, organisations):
    with pytest.raises(ValueError, match="write"):
        ClaimMapping.of("org", "roles", roles, organisations)
