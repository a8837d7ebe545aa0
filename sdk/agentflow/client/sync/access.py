# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""API keys, projects, organisations, and keys of providers."""

from typing import Unpack

from agentflow.bodies import (
    ChangeKey,
    ChangeOrganisation,
    ChangeProject,
    CreateKey,
    CreateOrganisation,
    CreateProject,
    MoveOrganisation,
    PutCredentials,
    RotateKey,
)
from agentflow.client.sync.resource import Resource, given
from agentflow.models import (
    CredentialsAnswer,
    CredentialsPage,
    ErasureReceipt,
    KeyAnswer,
    KeyCreated,
    KeyPage,
    MoveAnswer,
    MovePlan,
    MoveRemains,
    OrganisationAnswer,
    OrganisationCreated,
    OrganisationPage,
    ProjectAnswer,
    ProjectPage,
    SubjectAnswer,
    WhoAmI,
)


class Keys(Resource):
    """API keys of the organisation."""

    def create(self, **body: Unpack[CreateKey]) -> KeyCreated:
        """Create a key. It is in this answer only."""
        return self._ask(KeyCreated, "keys.create", json=body)

    def list(self) -> KeyPage:
        """Return all keys, without their secrets."""
        return self._ask(KeyPage, "keys.list")

    def get(self, key_id: str) -> KeyAnswer:
        """Return a key, without its secret."""
        return self._ask(KeyAnswer, "keys.get", key_id)

    def change(self, key_id: str, /, **body: Unpack[ChangeKey]) -> KeyAnswer:
        """Change a key's name, permissions, scopes, expiry or rate."""
        return self._ask(KeyAnswer, "keys.change", key_id, json=body)

    def rotate(self, key_id: str, /, **body: Unpack[RotateKey]) -> KeyCreated:
        """Give a key a new secret, which is in this answer only; the old one works for ``overlap_s`` more seconds."""
        return self._ask(KeyCreated, "keys.rotate", key_id, json=body)

    def whoami(self) -> WhoAmI:
        """Return what the client's own key is and may do."""
        return self._ask(WhoAmI, "keys.whoami")

    def revoke(self, key_id: str) -> None:
        """Revoke a key, within five seconds everywhere."""
        self._raw("keys.revoke", key_id)


class Projects(Resource):
    """Projects of the organisation."""

    def create(self, **body: Unpack[CreateProject]) -> ProjectAnswer:
        """Create a project."""
        return self._ask(ProjectAnswer, "projects.create", json=body)

    def list(self, *, archived: bool | None = None) -> ProjectPage:
        """Return the projects; with ``archived`` the archived ones, too."""
        return self._ask(ProjectPage, "projects.list", params=given(archived=archived))

    def get(self, project_id: str) -> ProjectAnswer:
        """Return a project."""
        return self._ask(ProjectAnswer, "projects.get", project_id)

    def change(self, project_id: str, /, **body: Unpack[ChangeProject]) -> ProjectAnswer:
        """Rename a project, archive it or take it back."""
        return self._ask(ProjectAnswer, "projects.change", project_id, json=body)


class Subjects(Resource):
    """Persons whose data runs handle under a key of their own; ids are yours, as submissions give them."""

    def get(self, subject_id: str, *, limit: int | None = None, cursor: str | None = None) -> SubjectAnswer:
        """Return the pseudonym of a person, the state of that person's key, and runs."""
        return self._ask(SubjectAnswer, "subjects.get", subject_id, params=given(limit=limit, cursor=cursor))

    def erase(self, subject_id: str) -> ErasureReceipt:
        """Destroy a person's key: what was sealed with it can never be read again. It may be repeated."""
        return self._ask(ErasureReceipt, "subjects.erase", subject_id)


class Organisations(Resource):
    """Organisations of the installation."""

    def list(self) -> OrganisationPage:
        """Return the organisations."""
        return self._ask(OrganisationPage, "organisations.list")

    def get(self, org_id: str) -> OrganisationAnswer:
        """Return an organisation."""
        return self._ask(OrganisationAnswer, "organisations.get", org_id)

    def change(self, org_id: str, /, **body: Unpack[ChangeOrganisation]) -> OrganisationAnswer:
        """Rename an organisation."""
        return self._ask(OrganisationAnswer, "organisations.change", org_id, json=body)

    def create(self, **body: Unpack[CreateOrganisation]) -> OrganisationCreated:
        """Create an organisation with its first key. Needs the installation's own key."""
        return self._ask(OrganisationCreated, "organisations.create", json=body)

    def plan_move(self, org_id: str, to: str) -> MovePlan:
        """Return what a move to the cell ``to`` would find; nothing is changed."""
        return self._ask(MovePlan, "organisations.plan_move", org_id, params={"to": to})

    def move(self, org_id: str, **body: Unpack[MoveOrganisation]) -> MoveAnswer:
        """Begin to move an organisation to another cell; ``get_move`` says how it gets on."""
        return self._ask(MoveAnswer, "organisations.move", org_id, json=body)

    def get_move(self, org_id: str) -> MoveAnswer:
        """Return an organisation's newest move away from this cell."""
        return self._ask(MoveAnswer, "organisations.get_move", org_id)

    def abort_move(self, org_id: str) -> MoveAnswer:
        """Abort a move; the organisation is here again."""
        return self._ask(MoveAnswer, "organisations.abort_move", org_id)

    def get_remains(self, org_id: str, *, keys: bool = False) -> MoveRemains:
        """Return what an organisation that moved away left in this cell."""
        return self._ask(MoveRemains, "organisations.get_remains", org_id, params={"keys": str(keys).lower()})

    def remove_remains(self, org_id: str, *, keys: bool = False) -> MoveRemains:
        """Remove some of what an organisation left in this cell; repeat it until ``counts`` is empty.

        With ``keys`` clients that use its keys here are not sent to the other cell any more.
        """
        return self._ask(MoveRemains, "organisations.remove_remains", org_id, params={"keys": str(keys).lower()})


class Credentials(Resource):
    """The organisation's own keys of model providers, which are never shown."""

    def list(self) -> CredentialsPage:
        """Return which providers have one."""
        return self._ask(CredentialsPage, "credentials.list")

    def put(self, provider: str, /, **body: Unpack[PutCredentials]) -> CredentialsAnswer:
        """Store or replace one; it is used within five seconds."""
        return self._ask(CredentialsAnswer, "credentials.put", provider, json=body)

    def get(self, provider: str) -> CredentialsAnswer:
        """Return when one was stored."""
        return self._ask(CredentialsAnswer, "credentials.get", provider)

    def delete(self, provider: str) -> None:
        """Delete one."""
        self._raw("credentials.delete", provider)
