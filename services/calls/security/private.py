"""Personal data and secrets in a call of a model: what its policy takes out of what is sent, captured and kept.

A call without a section ``privacy`` has none of this, and pays one comparison.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from connectors.ports.engine import Clock
from connectors.providers.base import ModelResponse
from schemas.errors import StepError
from schemas.privacy.document import Influenced, Where
from schemas.records.base import Json
from schemas.records.security.pinned import Point
from services.calls.ledger import Ledger
from services.privacy.redact.noted import PrivacyRefusal
from services.privacy.redact.redactor import Of, Redacted, Redactor


@dataclass(frozen=True, slots=True)
class Private:
    """What redacts for one attempt, and for whom."""

    redactor: Redactor
    of: Of
    clock: Clock

    async def at(
        self,
        where: Where,
        value: Any,
        ledger: Ledger,
        *,
        point: Point,
        subject: str = "",
        influenced: Influenced | None = None,
    ) -> Redacted:
        """Return a value as it may be at a place; what was decided is in the ledger. Raises ``StepError``."""
        if not self.redactor.plan.changes(where):
            return Redacted(value)
        since_s, decisions = time.perf_counter(), []
        try:
            found = await self.redactor.apply(
                self.of, value, where, point=point, subject=subject, influenced=influenced
            )
            decisions = found.decisions
        except PrivacyRefusal as exc:
            decisions = exc.decisions
            raise
        finally:
            ledger.decided(decisions, self.clock.now_ms(), time.perf_counter() - since_s)
        return found

    async def response(
        self, response: ModelResponse, where: Where, ledger: Ledger, *, influenced: Influenced | None = None
    ) -> ModelResponse:
        """Return an answer as it may be at a place, with the calls that it requests. Raises ``StepError``.

        What its provider wants back of it is left out where it repeats what was taken out.
        """
        said: dict[str, Any] = {"text": response.text, "args": [one.args for one in response.asked]}
        found = await self.at(where, said, ledger, point="output", influenced=influenced)
        if found.labels is not None and where == "log":
            ledger.find(found.labels)
        opaque = response.opaque
        if opaque is not None and (await self.at(where, opaque, Ledger(), point="output")).value != opaque:
            opaque = None
        args = found.value["args"]
        asked = tuple(replace(one, args=changed) for one, changed in zip(response.asked, args, strict=True))
        return replace(response, text=found.value["text"], asked=asked, opaque=opaque)

    async def cache_key(self, digest: str) -> str:
        """Return the key of an answer: keyed, where values are taken out of the cache. Raises ``StepError``."""
        return await self.redactor.keyed_hash(self.of.org_id, digest, "cache")

    async def captured(self, body: Json, ledger: Ledger) -> Json:
        """Return what may be captured of a request or a response: of one that cannot be redacted, why.

        The call is made by now, and its answer must not be lost to what is captured of it.
        """
        try:
            return (await self.at("trace", body, ledger, point="model_call", subject="trace")).value
        except StepError as exc:
            return {"not_captured": exc.code}
