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
from agentflow.client.aio.resource import AsyncResource, given
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


class AsyncKeys(AsyncResource):
    """API keys of the organisation."""

    async def create(self, **body: Unpack[CreateKey]) -> KeyCreated:
        """Create a key. It is in this answer only."""
        return await self._ask(KeyCreated, "keys.create", json=body)

    async def list(self) -> KeyPage:
        """Return all keys, without their secrets."""
        return await self._ask(KeyPage, "keys.list")

    async def get(self, key_id: str) -> KeyAnswer:
        """Return a key, without its secret."""
        return await self._ask(KeyAnswer, "keys.get", key_id)

    async def change(self, key_id: str, /, **body: Unpack[ChangeKey]) -> KeyAnswer:
        """Change a key's name, permissions, scopes, expiry or rate."""
        return await self._ask(KeyAnswer, "keys.change", key_id, json=body)

    async def rotate(self, key_id: str, /, **body: Unpack[RotateKey]) -> KeyCreated:
        """Give a key a new secret, which is in this answer only; the old one works for ``overlap_s`` more seconds."""
        return await self._ask(KeyCreated, "keys.rotate", key_id, json=body)

    async def whoami(self) -> WhoAmI:
        """Return what the client's own key is and may do."""
        return await self._ask(WhoAmI, "keys.whoami")

    async def revoke(self, key_id: str) -> None:
        """Revoke a key, within five seconds everywhere."""
        await self._raw("keys.revoke", key_id)


class AsyncProjects(AsyncResource):
    """Projects of the organisation."""

    async def create(self, **body: Unpack[CreateProject]) -> ProjectAnswer:
        """Create a project."""
        return await self._ask(ProjectAnswer, "projects.create", json=body)

    async def list(self, *, archived: bool | None = None) -> ProjectPage:
        """Return the projects; with ``archived`` the archived ones, too."""
        return await self._ask(ProjectPage, "projects.list", params=given(archived=archived))

    async def get(self, project_id: str) -> ProjectAnswer:
        """Return a project."""
        return await self._ask(ProjectAnswer, "projects.get", project_id)

    async def change(self, project_id: str, /, **body: Unpack[ChangeProject]) -> ProjectAnswer:
        """Rename a project, archive it or take it back."""
        return await self._ask(ProjectAnswer, "projects.change", project_id, json=body)


class AsyncSubjects(AsyncResource):
    """Persons whose data runs handle under a key of their own; ids are yours, as submissions give them."""

    async def get(self, subject_id: str, *, limit: int | None = None, cursor: str | None = None) -> SubjectAnswer:
        """Return the pseudonym of a person, the state of that person's key, and runs."""
        return await self._ask(SubjectAnswer, "subjects.get", subject_id, params=given(limit=limit, cursor=cursor))

    async def erase(self, subject_id: str) -> ErasureReceipt:
        """Destroy a person's key: what was sealed with it can never be read again. It may be repeated."""
        return await self._ask(ErasureReceipt, "subjects.erase", subject_id)


class AsyncOrganisations(AsyncResource):
    """Organisations of the installation."""

    async def list(self) -> OrganisationPage:
        """Return the organisations."""
        return await self._ask(OrganisationPage, "organisations.list")

    async def get(self, org_id: str) -> OrganisationAnswer:
        """Return an organisation."""
        return await self._ask(OrganisationAnswer, "organisations.get", org_id)

    async def change(self, org_id: str, /, **body: Unpack[ChangeOrganisation]) -> OrganisationAnswer:
        """Rename an organisation."""
        return await self._ask(OrganisationAnswer, "organisations.change", org_id, json=body)

    async def create(self, **body: Unpack[CreateOrganisation]) -> OrganisationCreated:
        """Create an organisation with its first key. Needs the installation's own key."""
        return await self._ask(OrganisationCreated, "organisations.create", json=body)

    async def plan_move(self, org_id: str, to: str) -> MovePlan:
        """Return what a move to the cell ``to`` would find; nothing is changed."""
        return await self._ask(MovePlan, "organisations.plan_move", org_id, params={"to": to})

    async def move(self, org_id: str, **body: Unpack[MoveOrganisation]) -> MoveAnswer:
        """Begin to move an organisation to another cell; ``get_move`` says how it gets on."""
        return await self._ask(MoveAnswer, "organisations.move", org_id, json=body)

    async def get_move(self, org_id: str) -> MoveAnswer:
        """Return an organisation's newest move away from this cell."""
        return await self._ask(MoveAnswer, "organisations.get_move", org_id)

    async def abort_move(self, org_id: str) -> MoveAnswer:
        """Abort a move; the organisation is here again."""
        return await self._ask(MoveAnswer, "organisations.abort_move", org_id)

    async def get_remains(self, org_id: str, *, keys: bool = False) -> MoveRemains:
        """Return what an organisation that moved away left in this cell."""
        return await self._ask(MoveRemains, "organisations.get_remains", org_id, params={"keys": str(keys).lower()})

    async def remove_remains(self, org_id: str, *, keys: bool = False) -> MoveRemains:
        """Remove some of what an organisation left in this cell; repeat it until ``counts`` is empty.

        With ``keys`` clients that use its keys here are not sent to the other cell any more.
        """
        return await self._ask(MoveRemains, "organisations.remove_remains", org_id, params={"keys": str(keys).lower()})


class AsyncCredentials(AsyncResource):
    """The organisation's own keys of model providers, which are never shown."""

    async def list(self) -> CredentialsPage:
        """Return which providers have one."""
        return await self._ask(CredentialsPage, "credentials.list")

    async def put(self, provider: str, /, **body: Unpack[PutCredentials]) -> CredentialsAnswer:
        """Store or replace one; it is used within five seconds."""
        return await self._ask(CredentialsAnswer, "credentials.put", provider, json=body)

    async def get(self, provider: str) -> CredentialsAnswer:
        """Return when one was stored."""
        return await self._ask(CredentialsAnswer, "credentials.get", provider)

    async def delete(self, provider: str) -> None:
        """Delete one."""
        await self._raw("credentials.delete", provider)
