"""Requests to incoming webhooks.

    1. find      the trigger that the address names; an unknown address is 404, whatever else it has
    2. limit     the number of requests of a minute, before anything is computed, and the size of the body
    3. verify    the signature over the very bytes that came
    4. map       the filter, the inputs, and the pair of source and idempotency key
    5. submit    on the path of all submissions: the answer comes after the log has the run

A request that is repeated, whole or after any of these steps, has the same key and is the same run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from connectors.postgres.triggers.stored import Hooked, StoredTrigger, Triggers
from connectors.redis.request_rates import RequestRates
from schemas import clock
from schemas.cloudevents.event import CloudEvent
from schemas.errors import (
    BadRecord,
    InvalidInput,
    NotFound,
    Problem,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from schemas.labels.label import Integrity
from schemas.trace_context import CONTEXT, NO_CONTEXT, SenderContext, sender_context
from schemas.triggers.definition import Hook
from schemas.triggers.requests import pair_of, read_request
from schemas.triggers.signatures import verify
from schemas.values.json_text import read_json
from schemas.values.validation_texts import invalid_body
from services.runs.submit import Submissions, Submitted
from services.triggers.records import CompiledRules


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came. Names of ``headers`` are in lower case; of equal names the last counts."""

    address: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    trace: SenderContext = NO_CONTEXT


class Hooks:
    """Takes requests. ``uncounted`` is called for one that passed because nobody could count it."""

    def __init__(
        self,
        triggers: Triggers,
        submissions: Submissions,
        rates: RequestRates,
        uncounted: Callable[[], None],
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        self._triggers = triggers
        self._submissions = submissions
        self._rates = rates
        self._uncounted = uncounted
        self._now_ms = now_ms
        self._rules = CompiledRules()

    async def take(self, arrived: Arrived, authentic: Callable[[StoredTrigger], None]) -> Submitted | None:
        """Submit the run of a request; ``None`` where the filter holds it back.

        ``authentic`` is called with the trigger as soon as it is known whose request it is. Raises ``NotFound`` for an
        unknown address, ``Unauthenticated``, ``RateLimited``, ``TooLarge``, ``InvalidInput``, what submissions raise,
        and ``Unavailable`` for a paused trigger.
        """
        found = await self._triggers.hooked(arrived.address)
        if found is None or found.trigger.definition.hook is None:
            raise NotFound("there is no webhook at this address; it may have been rotated or deleted")
        authentic(found.trigger)
        return await self._take(found, found.trigger.definition.hook, arrived)

    async def _take(self, found: Hooked, hook: Hook, arrived: Arrived) -> Submitted | None:
        trigger = found.trigger
        await self._count(trigger.id, hook.requests_per_minute)
        if len(arrived.body) > hook.max_bytes:
            raise TooLarge(f"the body has {len(arrived.body)} bytes, this webhook takes {hook.max_bytes}")
        if hook.scheme != "url" and not found.secrets:
            raise Unauthenticated("this webhook has no secret that signatures could be checked by; rotate it")
        now_s = self._now_ms() // 1000
        verify(hook.scheme, found.secrets, arrived.headers, arrived.body, now_s, hook.signature_header)
        if trigger.paused:
            raise Unavailable("trigger", "this webhook is paused; send again later", retry_after_s=60)
        return await self._submit(trigger, hook, arrived)

    async def _submit(self, trigger: StoredTrigger, hook: Hook, arrived: Arrived) -> Submitted | None:
        definition = trigger.definition
        try:
            payload = read_json(arrived.body)
            request, event = read_request(hook, payload, arrived.headers, arrived.query)
            mapped = self._rules.of(trigger.id, trigger.updated_ms, definition).of(request.variables())
            if mapped is None:
                return None
            pair = pair_of(trigger.id, hook, mapped, arrived.headers, payload, event)
            body = definition.submission(mapped)
        except BadRecord as exc:
            raise InvalidInput.of(Problem("body", str(exc))) from exc
        except ValidationError as exc:
            raise invalid_body(exc) from exc
        record = await self._submissions.prepare(
            trigger.org_id, pair.source, pair.id, body, _trace(arrived, event), door=Integrity.THIRD_PARTY
        )
        return await self._submissions.submit(record)

    async def _count(self, trigger_id: str, per_minute: int) -> None:
        try:
            wait_ms = await self._rates.wait_ms(trigger_id, per_minute)
        except Unavailable:
            self._uncounted()
            return
        if wait_ms > 0:
            raise RateLimited(f"this webhook takes {per_minute} requests a minute; slow down", wait_ms / 1000)


def _trace(arrived: Arrived, event: CloudEvent | None) -> SenderContext:
    """Return the trace context of a request: the attributes of its event before its headers."""
    if event is None or "traceparent" not in event.attributes:
        return arrived.trace
    return sender_context(*map(event.attributes.get, CONTEXT))
