"""Who sends a request: an organisation's key, or a person with a token, and what they may see and do.

A caller that is *limited*, by scopes or to a project, is refused by every route that does not say that it admits such
callers: a route that was forgotten shows them nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.api_models.access import Permission
from schemas.budgets import PROJECT_TAG
from schemas.errors import Forbidden
from schemas.scopes import EVERYTHING, ScopeKind, Scopes

CallerKind = Literal["key", "oidc"]


@dataclass(frozen=True)
class Caller:
    """The authenticated caller. ``archived``: its project is. ``valid_until_ms`` is when it ends by itself.

    ``roles`` are those that a person's token says.
    """

    key_id: str
    org_id: str
    permissions: frozenset[str]
    bootstrap: bool = False
    project: str | None = None
    scopes: Scopes = EVERYTHING
    valid_until_ms: int | None = None
    requests_per_minute: int | None = None
    archived: bool = False
    kind: CallerKind = "key"
    roles: tuple[str, ...] = ()

    @property
    def actor(self) -> str:
        """Who it is in the audit log."""
        return f"{'person' if self.kind == 'oidc' else 'key'}:{self.key_id}"

    @property
    def limited(self) -> bool:
        """Return whether the caller sees a part of its organisation only."""
        return self.project is not None or self.scopes.limited

    def require(self, permission: Permission) -> None:
        """Raise ``Forbidden`` unless the caller has the permission."""
        if permission not in self.permissions:
            raise Forbidden(f"this key has no {permission!r} permission; use one that has")
        if self.archived and permission != "read":
            raise Forbidden(f"project {self.project} is archived, so its keys can only read; restore the project")

    def require_organisation(self, org_id: str | None) -> None:
        """Raise ``Forbidden`` if the request names an organisation other than the caller's."""
        if org_id is not None and org_id != self.org_id:
            raise Forbidden("X-Org-ID names an organisation other than the key's; correct it or omit it")

    def require_breadth(self, scopes: Collection[str], *, project: bool) -> None:
        """Raise ``Forbidden`` unless a route that admits these scopes, and keys of projects, admits the caller."""
        if self.project is not None and not project:
            raise Forbidden(f"this key is of project {self.project}; use one of the whole organisation")
        if self.scopes.limited and "any" not in scopes and self.scopes.kinds.isdisjoint(scopes):
            raise Forbidden(f"this key is limited to {self.scopes}; use one without scopes")

    def require_named(self, kind: ScopeKind, name: str) -> None:
        """Raise ``Forbidden`` unless a workflow or prompt of this name is within the caller's scopes."""
        if not self.scopes.allow(kind, name):
            raise Forbidden(f"this key is limited to {self.scopes}; {kind} {name} is not part of that")

    def owns(self, workflow: str, tags: Mapping[str, str]) -> bool:
        """Return whether the caller may see and change a run of this workflow with these tags."""
        of_project = self.project is None or tags.get(PROJECT_TAG) == self.project
        return of_project and self.scopes.allow("workflow", workflow)

    def in_project(self, named: str | None) -> str | None:
        """Return the project that a request is for. Raises ``Forbidden`` when it names one that is not the key's."""
        if self.project is not None and named not in (None, self.project):
            raise Forbidden(f"this key is of project {self.project} and cannot name another; omit `project`")
        return self.project or named
