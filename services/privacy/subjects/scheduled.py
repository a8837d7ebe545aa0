"""Inputs of schedules whose runs have a data subject: sealed in their row, opened for each slot."""

from collections.abc import Mapping
from typing import Any

from connectors.objects.store import Objects
from schemas.errors import InvalidInput, Problem
from schemas.payload import Reference
from schemas.privacy.sealed_schedules import SEALED_INPUTS, sealed_inputs, stored_inputs, subject_of_inputs
from schemas.privacy.wants import Sealing
from services.privacy.subjects.ports import SubjectKeys
from services.privacy.subjects.pseudonym import pseudonym_of


class ScheduledInputs:
    """Seals and opens. Without ``keys`` nothing can be; every method raises ``Unavailable`` and ``SubjectErased``."""

    def __init__(self, objects: Objects, keys: SubjectKeys | None) -> None:
        self._objects = objects
        self._keys = keys

    async def pseudonym(self, org_id: str, subject_id: str) -> str:
        """Return the pseudonym of a person. Raises ``InvalidInput`` for a wrong id, and where there are no keys."""
        return await pseudonym_of(self._required(), org_id, subject_id)

    async def sealed(self, org_id: str, subject: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return a person's inputs as a row may have them."""
        self._required()
        found = await self._objects.to_payload(org_id, dict(inputs), sealing=Sealing(subject))
        if not isinstance(found, Reference):
            raise TypeError("the inputs of a data subject were not sealed")
        return stored_inputs(found)

    async def opened(self, org_id: str, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of a row in clear, whether they are sealed or not."""
        reference = sealed_inputs(stored)
        if reference is None:
            return dict(stored)
        self._required()
        inputs: dict[str, Any] = await self._objects.resolve(org_id, reference)
        return inputs

    async def as_before(
        self, org_id: str, subject: str, inputs: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return a person's inputs as a row may have them: the very bytes of ``before`` where those are the same.

        Sealing twice gives two texts, and a schedule that is created again must be found to be the same.
        """
        if before is not None and subject_of_inputs(before) == subject and await self.opened(org_id, before) == inputs:
            return dict(before)
        return await self.sealed(org_id, subject, inputs)

    def _required(self) -> SubjectKeys:
        if self._keys is None:
            fix = "set VAULT_KEY for this process"
            raise InvalidInput.of(Problem("subject", "cannot be taken here, since nothing could be sealed", fix))
        return self._keys


def refuse_reserved(inputs: Mapping[str, Any]) -> None:
    """Raise ``InvalidInput`` for an input by the name that sealed ones have."""
    if SEALED_INPUTS in inputs:
        fix = "use another name, and `subject` for inputs that are to be sealed"
        raise InvalidInput.of(Problem(f"inputs.{SEALED_INPUTS}", "is the name of sealed inputs", fix))
