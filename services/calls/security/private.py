"""Personal data and secrets in a call of a model: what its policy takes out of what is sent, captured and kept.

A call without a section ``privacy`` has none of this, and pays one comparison.
"""

import time
from dataclasses import dataclass
from typing import Any

from connectors.ports.engine import Clock
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

    async def captured(self, body: Json, ledger: Ledger) -> Json:
        """Return what may be captured of a request or a response: of one that cannot be redacted, why.

        The call is made by now, and its answer must not be lost to what is captured of it.
        """
        try:
            return (await self.at("trace", body, ledger, point="model_call", subject="trace")).value
        except StepError as exc:
            return {"not_captured": exc.code}
