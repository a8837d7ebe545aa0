"""What a token's claims mean here: an organisation, and permissions by roles."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.api_models.access import ID_PATTERN
from schemas.configuration.issuer import read_pairs, read_roles
from schemas.errors import Forbidden
from services.security.tokens import Claims

#: Roles of a token that rules can name.
MAX_ROLES = 64


@dataclass(frozen=True)
class Mapped:
    """Whose claims they are. ``permissions`` are none where no role has any; ``roles`` are those of the claim."""

    org_id: str
    permissions: frozenset[str]
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClaimMapping:
    """Which claims name the organisation and the roles. ``organisations`` renames what the claim says."""

    org_claim: str
    roles_claim: str
    permissions: Mapping[str, frozenset[str]]
    organisations: Mapping[str, str]

    @classmethod
    def of(cls, org_claim: str, roles_claim: str, roles: str, organisations: str) -> "ClaimMapping":
        """Return a mapping, as settings write it. Raises ``ValueError`` with the fix."""
        return cls(org_claim, roles_claim, read_roles(roles), read_pairs(organisations))

    def mapped(self, claims: Claims) -> Mapped:
        """Return what claims mean. Raises ``Forbidden`` when they name no organisation."""
        said = _claim(claims, self.org_claim)
        org_id = self.organisations.get(said, "" if self.organisations else said) if isinstance(said, str) else ""
        if re.fullmatch(ID_PATTERN, org_id) is None:
            raise Forbidden(
                f"the claim {self.org_claim!r} of this token names no organisation of this deployment; ask its "
                "operator to set OIDC_ORG_CLAIM and OIDC_ORGANISATIONS"
            )
        listed = _claim(claims, self.roles_claim)
        roles = listed.split() if isinstance(listed, str) else listed if isinstance(listed, list) else []
        named = [role for role in roles if isinstance(role, str)]
        of_roles = [self.permissions.get(role, frozenset()) for role in named]
        return Mapped(org_id, frozenset[str]().union(*of_roles), tuple(named[:MAX_ROLES]))


def _claim(claims: Claims, name: str) -> Any:
    """Return a claim by its name, or by its path: ``realm_access.roles``."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
