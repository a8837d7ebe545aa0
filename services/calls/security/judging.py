"""Judges of guards: a call of a model beside the call whose answer is judged, through all stages but its guards.

It has an id, a hold and a settlement of its own, under the same budgets, tags and caps, and is booked in the same
ledger. A process that dies in it leaves the first call as after step 8, and its own as where it was.
"""

from msgspec import structs

from connectors.providers.base import OutputSchema
from schemas.errors import StepError
from schemas.ids import judge_id, judge_span_id
from schemas.policies.guards import GuardRule
from services.calls.call import FIRST, NOTHING_RESERVED, UNROUTED, Call, Content, Proceed
from services.routing.router import Pin
from services.security.guards.judging import JUDGE_TOKENS, VERDICT, question, refusal


class Judging:
    """Asks judges. ``proceed`` is set once the stages are composed: they end in this one."""

    def __init__(self) -> None:
        self.proceed: Proceed | None = None

    async def ask(self, call: Call, rule: GuardRule, text: str) -> str | None:
        """Return why the judge refuses a text, ``None`` if it lets it pass. Raises ``StepError`` and ``ValueError``."""
        if self.proceed is None:
            raise StepError("guard_failed", "no model can be asked here")
        answer = await self.proceed(_call(call, rule, text))
        return refusal(answer.response.text)


def _call(call: Call, rule: GuardRule, text: str) -> Call:
    content = Content(
        max_tokens=JUDGE_TOKENS,
        prompt=question(rule.question, text),
        temperature=0.0,
        pinned=Pin(rule.provider, rule.model),
        output_schema=OutputSchema(VERDICT),
    )
    return structs.replace(
        call,
        call_id=judge_id(call.call_id, rule.id),
        idempotency_key=judge_id(call.idempotency_key, rule.id),
        trace=structs.replace(call.trace, span_id=judge_span_id(call.trace.span_id, rule.id)),
        content=content,
        timeout_s=min(call.timeout_s, rule.limit_s),
        on_delta=None,
        guards=None,
        cleared=(),
        route=UNROUTED,
        choice=None,
        trial=FIRST,
        input_tokens=0,
        reserved=NOTHING_RESERVED,
    )
