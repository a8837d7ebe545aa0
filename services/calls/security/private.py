"""Personal data and secrets in a call of a model: what its policy takes out of what is sent, captured and kept.

A call without a section ``privacy`` has none of this, and pays one comparison.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from connectors.ports.engine import Clock
from connectors.providers.conversation import Said, Turn
from schemas.privacy.document import Influenced, Where
from schemas.records.base import Json
from schemas.records.security.pinned import Point
from services.calls.call import Content
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

    async def content(self, content: Content, ledger: Ledger, subject: str) -> Content:
        """Return what a provider may read of a call's content: its prompt, its messages, what tools gave before."""
        said = _said(content)
        found = (await self.at("provider", said, ledger, point="model_call", subject=subject)).value
        return content if found is said or found == said else _with(content, found)


def _said(content: Content) -> dict[str, Json]:
    """Return all texts that a model reads, as one value: one question to the vault for all."""
    return {
        "prompt": content.prompt,
        "system": content.system,
        "developer": content.developer,
        "history": [one.text for one in content.history],
        "turns": [
            {"text": turn.text, "args": [one.args for one in turn.asked], "results": list(turn.results)}
            for turn in content.turns
        ],
    }


def _with(content: Content, said: dict[str, Any]) -> Content:
    history = [Said(one.role, text) for one, text in zip(content.history, said["history"], strict=True)]
    turns = [_turn(turn, one) for turn, one in zip(content.turns, said["turns"], strict=True)]
    return structs.replace(
        content,
        prompt=said["prompt"],
        system=said["system"],
        developer=said["developer"],
        history=tuple(history),
        turns=tuple(turns),
    )


def _turn(turn: Turn, said: dict[str, Any]) -> Turn:
    asked = tuple(replace(one, args=args) for one, args in zip(turn.asked, said["args"], strict=True))
    changed = replace(turn, text=said["text"], asked=asked, results=tuple(said["results"]))
    # What the provider gave with a turn that is another one now may repeat what was taken out.
    return turn if changed == turn else replace(changed, opaque=None)
