"""Embeddings as calls: routed by a pin, held, announced, settled and recorded as those of answers are.

An embedding reads no cache of answers and passes no guard: what compares texts by vectors decides what it may see. A
policy's section ``privacy`` counts as for any provider: a vector is made of the text that is left, and so is all that
is stored with it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from connectors.providers.base import ModelResponse, Provider
from connectors.providers.embeddings import EmbeddingRequest, EmbeddingResponse, Embeds, Purpose
from schemas.errors import StepError
from services.calls.call import Answer, Call, Proceed, Stage
from services.calls.cancellation import Cancellations
from services.calls.pipeline import compose
from services.calls.ports import CallPorts, JointEmbeddings
from services.calls.provider_keys import ProviderKeys
from services.calls.stages.announce import AnnounceCall
from services.calls.stages.hold import Hold
from services.calls.stages.invoke import PROVIDER_GRACE_S
from services.calls.stages.know_prices import KnowPrices
from services.calls.stages.quota import Quota
from services.calls.stages.redact import seen
from services.calls.stages.route import RouteCall
from services.calls.stages.settle import Settle
from services.calls.stages.stop import StopCalls
from services.calls.timeouts import limited


async def embedded(
    ports: CallPorts,
    call: Call,
    texts: Sequence[str],
    *,
    dimensions: int | None = None,
    purpose: Purpose | None = None,
) -> EmbeddingResponse:
    """Return the vectors of texts by the model that the call pins. Raises what the stages of a call raise.

    The call's content is replaced by the texts, as a provider may read them; it is booked in its ledger. With
    ``joint_embeddings`` it goes to the provider together with others.
    """
    texts = await _readable(call, texts)
    content = structs.replace(call.content, prompt="\n\n".join(texts), max_tokens=0, template=None)
    asking = EmbeddingRequest(
        model="",
        texts=tuple(texts),
        idempotency_key=call.idempotency_key,
        dimensions=dimensions,
        purpose=purpose,
        timeout_s=call.timeout_s + PROVIDER_GRACE_S,
    )
    embed = _Embed(ports.providers, ports.aborts, asking, ports.keys, ports.joint_embeddings)
    await compose(_stages(ports, embed))(structs.replace(call, content=content, operation="embeddings"))
    assert embed.response is not None, "the call went through its last stage"
    return embed.response


async def _readable(call: Call, texts: Sequence[str]) -> list[str]:
    """Return texts as a provider may read them. Raises a ``StepError``: ``privacy_refused``, or ``privacy_failed``."""
    said: list[str] = seen(list(texts))
    if call.private is None:
        return said
    subject = "/".join(part or "" for part in call.content.pinned).strip("/")
    found = await call.private.at("provider", said, call.ledger, point="model_call", subject=subject)
    readable: list[str] = found.value
    return readable


def _stages(ports: CallPorts, embed: Stage) -> tuple[Stage, ...]:
    every_s = ports.lease_ms / 3000
    return (
        KnowPrices(ports.prices, ports.clock),
        RouteCall(ports.router, ports.providers, ports.prices, ports.clock, ports.aborts, ports.keys),
        StopCalls(ports.stops, ports.clock),
        Quota(ports.quotas, ports.clock),
        Hold(ports.prices, ports.holds, ports.clock, ports.aborts, ttl_ms=ports.hold_ttl_ms, assert_every_s=every_s),
        Settle(ports.prices, ports.objects, ports.clock),
        AnnounceCall(ports.announce, ports.clock, ports.hold_ttl_ms),
        embed,
    )


class _Embed:
    """The last stage: the provider is asked, once. ``response`` is there when it has answered."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        aborts: Cancellations,
        asking: EmbeddingRequest,
        keys: ProviderKeys | None,
        joint: JointEmbeddings | None,
    ) -> None:
        self._keys = keys
        self._providers = providers
        self._aborts = aborts
        self._asking = asking
        self._joint = joint
        self.response: EmbeddingResponse | None = None

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        provider = self._providers[call.route.provider]
        request = replace(self._asking, model=call.route.model, trace_headers=call.trace.headers)
        if self._keys is None:
            return await self._asked(call, provider, request)
        return await self._keys.asking(
            call.org_id, provider.name, lambda key: self._asked(call, provider, replace(request, api_key=key))
        )

    async def _asked(self, call: Call, provider: Provider, request: EmbeddingRequest) -> Answer:
        if not isinstance(provider, Embeds):
            raise StepError("unsupported_parameter", f"{provider.name}: it has no embeddings; choose another provider")
        joint = self._joint
        async with self._aborts.breakable(call.cancel_key):
            what = f"the vectors of {call.route.provider}/{call.route.model}"
            asked = provider.embed(request) if joint is None else joint.embed(call, provider, request)
            found = self.response = await limited(asked, call.timeout_s, what)
        response = ModelResponse("", found.usage, "stop", found.sent, found.received, notes=found.notes)
        response = replace(response, share_nano=found.share_nano)
        return Answer(response=response, at_s=time.perf_counter())
