"""What calls of models need of the world, besides the engine's ``Clock``."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.ports.batches import CallsOfBatches
from connectors.ports.engine import Clock
from connectors.prices.listed import Served
from connectors.providers.base import ModelResponse, Provider
from connectors.providers.batching.port import BatchService
from connectors.providers.embeddings import EmbeddingRequest, EmbeddingResponse, Embeds
from connectors.redis.holds import AlreadySettled, Held, HoldRequest, Refused
from schemas.limits.quotas import Ask, Made, Taken, Waiting
from schemas.limits.stops import Stop
from schemas.payload import INLINE_LIMIT, PathPart, Payload, Reference
from schemas.price_lists import CostSource
from schemas.privacy.wants import Sealing
from schemas.records.base import Usage
from schemas.records.money import CallStarted
from services.caching.ports import CachePorts
from services.calls.call import Call
from services.calls.cancellation import Cancellations
from services.calls.provider_keys import ProviderKeys
from services.routing.router import Router
from services.security.compliance.known import FactsSource
from services.security.enforcement.ports import Policies


class Holds(Protocol):
    """Money reserved before a call. Every method raises ``Unavailable``, ``hold`` also while spend is rebuilt."""

    async def hold(self, request: HoldRequest) -> Held | Refused | AlreadySettled:
        """Reserve the estimate in every budget that applies, or say which one refuses."""
        ...

    async def reassert(self, request: HoldRequest, expires_at_ms: int) -> bool:
        """Say that the call lives; its hold expires no sooner than given. ``False`` when it is settled."""
        ...


class Quotas(Protocol):
    """How much a provider lets us ask in a time. Methods raise ``Unavailable``."""

    async def take(self, ask: Ask, patience_ms: float) -> Taken | Waiting | None:
        """Take the room that a call needs, or say when to ask again; ``None`` when nothing limits it.

        Raises a final ``StepError`` ``quota_exceeded`` for a call that is larger than a limit.
        """
        ...

    async def settle(self, taken: Taken, made: Made) -> None:
        """Correct what a call took by what it used."""
        ...


class Stops(Protocol):
    """What was stopped or paused."""

    def applying(self, org_id: str, workflow: str, provider: str, model: str) -> Stop | None:
        """Return what stops such a call. Raises ``Unavailable`` while it is not known."""
        ...


class Guard(Protocol):
    """Looks at what models are asked and at what they answer.

    Both methods return what may pass, changed or as it is, and raise a ``StepError`` to stop it.
    """

    async def question(self, call: Call) -> Call:
        """Return the call with the content that may be sent; its prompt is rendered."""
        ...

    async def answer(self, call: Call, response: ModelResponse) -> ModelResponse:
        """Return what may be read, recorded and cached of an answer, ``sent`` and ``received`` included."""
        ...


class Announce(Protocol):
    """Says in the log that a call starts."""

    async def __call__(self, call: CallStarted) -> None:
        """Return when the log has acknowledged it, however long that takes."""
        ...


class Prices(Protocol):
    """What tokens cost, in nano-dollars. Every method raises a final ``StepError`` ``unpriced_model``."""

    def estimate(
        self,
        provider: str,
        model: str,
        input_tokens: int,
        max_tokens: int,
        at_ms: int | None = None,
        absent: Collection[str] = (),
        served: Served = (),
    ) -> int:
        """Return the most that a call can cost, ``served`` in a way with a price of its own.

        ``absent`` are kinds of usage that it cannot lead to.
        """
        ...

    def cost(self, provider: str, model: str, usage: Usage, at_ms: int | None = None, served: Served = ()) -> int:
        """Return the cost of a call that was made, by how it was served."""
        ...

    def picture_tokens(self, provider: str, model: str) -> int | None:
        """Return the most tokens that the model counts for a picture, where the price file has one."""
        ...

    def context_tokens(self, provider: str, model: str) -> int | None:
        """Return how many tokens the model can read, where a list or the price file has it."""
        ...

    def version(self, provider: str, model: str) -> str:
        """Return which price table a model's price is from."""
        ...

    def priced_as(self, provider: str, model: str) -> str:
        """Return the route whose price stands in for a model without one; empty for a model that has one."""
        ...

    def cost_source(self, provider: str) -> CostSource:
        """Return whose cost of a provider's calls counts."""
        ...


class PriceSource(Protocol):
    """The prices of organisations, which change with time."""

    def check_known(self) -> None:
        """Raise ``Unavailable`` while the prices of organisations are not known."""
        ...

    def of(self, org_id: str, at_ms: int) -> Prices:
        """Return an organisation's prices at a time. Raises ``Unavailable`` while they are not known."""
        ...

    def booked(self, org_id: str, price_version: str) -> Prices:
        """Return the prices under which money was held; they never change."""
        ...


class Objects(Protocol):
    """Stored bytes, see ``connectors.objects.store``."""

    async def get(self, org_id: str, reference: Reference) -> bytes:
        """Return the bytes of one of the organisation's references."""
        ...

    async def to_payload(
        self,
        org_id: str,
        value: object,
        labels: dict[str, str] | None = None,
        most: int = INLINE_LIMIT,
        sealing: Sealing | None = None,
    ) -> Payload:
        """Return a JSON value as it travels, stored over ``most`` bytes, encrypted with ``sealing``.

        Raises ``TypeError`` or ``Undecodable`` for what cannot.
        """
        ...

    def resolve(self, org_id: str, payload: Payload) -> Awaitable[Any]:
        """Return the JSON value of a payload. Raises ``Rejected`` or ``Unavailable``."""
        ...

    async def part(self, org_id: str, payload: Payload, path: Sequence[PathPart]) -> Any:
        """Return what ``path`` finds in a payload's value. Raises ``MissingPath``, ``Rejected`` or ``Unavailable``."""
        ...


class JointEmbeddings(Protocol):
    """Sends embeddings together that are requested at once, see ``services.calls.coalescing``."""

    async def embed(self, call: Call, provider: Embeds, request: EmbeddingRequest) -> EmbeddingResponse:
        """Return a call's vectors, its part of the usage and of the cost. Raises ``StepError``."""
        ...


def _onward(point: str) -> None:
    """Crash nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """What calls need that go by batch. A call whose SLA is ``least_sla_ms`` or longer, or none, may wait for one.

    ``holds`` last as long as a batch. ``key_name`` names an organisation's own key of a provider without revealing it;
    there is none where all use the environment's. ``reached`` is for the crash tests, see ``services.batches.points``.
    """

    calls: CallsOfBatches
    services: Mapping[str, BatchService]
    holds: Holds
    least_sla_ms: int
    key_name: Callable[[str, str], Awaitable[str]] | None
    reached: Callable[[str], None] = _onward


@dataclass(frozen=True, slots=True)
class CallPorts:
    """What the stages of a call need of the world.

    ``hold_ttl_ms`` is how long a hold lasts unless asserted again. It is asserted every third of ``lease_ms``, the
    claims' lease, since that is how soon a budgets table that was lost must know of every call that lives. ``aborts``
    breaks calls off. Without ``keys`` every organisation's calls are made with the environment's keys of providers.
    Without ``batching`` none goes by batch, and without ``joint_embeddings`` each embedding is a request. Without
    ``policies`` no call can be made that has one; without ``facts`` of organisations those that come along count.
    """

    providers: Mapping[str, Provider]
    router: Router
    prices: PriceSource
    holds: Holds
    announce: Announce
    cache: CachePorts
    objects: Objects
    clock: Clock
    aborts: Cancellations
    hold_ttl_ms: int
    lease_ms: int = 10_000
    quotas: Quotas | None = None
    guards: Sequence[Guard] = ()
    keys: ProviderKeys | None = None
    stops: Stops | None = None
    batching: Batching | None = None
    joint_embeddings: JointEmbeddings | None = None
    policies: Policies | None = None
    facts: FactsSource | None = None
