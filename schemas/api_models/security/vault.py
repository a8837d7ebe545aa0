"""The vault of an organisation: its keys, and how far their rotation is. No key is ever shown."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request

VaultState = Literal["none", "settling", "wrapping", "done"]


class RotateVaultKey(Request):
    """Which key to rotate, and whether to begin a rotation or only to continue one.

    ``organisation``: the key that wraps keys of data subjects. ``master``: what wraps that key; its new version comes
    from the settings or the transit engine, and here the organisation's key is wrapped by it.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"key": "organisation"}, {"key": "master"}]}
    )

    key: Literal["organisation", "master"]
    begin: Annotated[bool, Field(strict=True)] = True


class VaultProgress(Answer):
    """How far a rotation is.

    ``none``: the organisation has no key yet. ``settling``: a version waits until every process knows it.
    ``wrapping``: ``left`` keys and tokens are under a version before; ``damaged`` of them do not open, and stay.
    ``wrapped`` counts versions of the organisation's key that the master key wrapped again.
    """

    state: VaultState
    version: int
    left: int
    damaged: int = 0
    wrapped: int = 0


class VaultKeyVersion(Answer):
    """A version of the organisation's key. ``master`` names what wraps it; one that does not seal yet waits."""

    version: int
    master: str
    seals: bool
    created_at: str


class VaultStatus(Answer):
    """The organisation's keys. ``behind`` versions are not wrapped by the present ``master`` key."""

    state: VaultState
    version: int
    versions: list[VaultKeyVersion]
    master: str
    behind: int
    subjects: int
    erased: int
    tokens: int
    left: int
