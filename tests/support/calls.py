"""A model call over ports in memory, and what becomes of its money when the process that makes it dies."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from connectors.memory.engine import ManualClock
from connectors.objects.store import LocalObjects
from connectors.prices.book import Override, PriceBook
from connectors.prices.listed import Served
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.images import ImageInput
from connectors.redis.holds import AlreadySettled, Held, HoldRequest, Refused
from connectors.redis.response_cache import WAIT, Counted, Hit, Keep, Lead, Lookup, Neighbour, Wait
from schemas.errors import StepError, Unavailable
from schemas.records.base import Usage
from schemas.records.money import CallStarted, CostEvent
from services.caching.ports import CachePorts
from services.calls.call import Answer, Call, Content, Origin, Proceed, Stage, Template, Trace
from services.calls.cancellation import Cancellations
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.calls.ports import CallPorts, Guard, Quotas
from services.routing.router import RouteTable
from streams.core.budgets.fold import BudgetsFold

PRICES = PriceBook.load()
#: Prices at which the silver model costs nothing.
FREE = PriceBook(
    [Override(provider="local", model="local-silver", version="v", input_usd_per_mtok=0, output_usd_per_mtok=0)]
)
USAGE = Usage(input_tokens=10, output_tokens=20)
NOW_MS = 1_795_305_600_000
TTL_MS = 60_000
LEASE_MS = 10_000
#: What the provider counts for a picture.
PICTURE_TOKENS = 700


class MovingClock(ManualClock):
    """A clock whose every reading is a millisecond after the one before."""

    def now_ms(self) -> int:
        self.ms += 1
        return super().now_ms()


class MemoryProvider:
    """Answers with ``reply`` once ``gate`` is open; ``fail`` is raised instead while it is set."""

    name = "local"

    def __init__(self, trail: list[str]) -> None:
        self.asked: list[ModelRequest] = []
        self.fail: Exception | None = None
        self.reply = "an answer"
        self.problem: StepError | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = asyncio.Event()
        self._trail = trail

    async def complete(self, request: ModelRequest) -> ModelResponse:
        self._trail.append("invoke")
        self.asked.append(request)
        self.running.set()
        await self.gate.wait()
        if self.fail is not None:
            raise self.fail
        sent, received = {"prompt": request.prompt}, {"text": self.reply}
        return ModelResponse(self.reply, USAGE, "stop", sent, received, problem=self.problem)

    def count_tokens(self, model: str, text: str) -> int:
        return len(text)

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        return PICTURE_TOKENS * len(pictures)

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return 0

    async def close(self) -> None:
        """Nothing is open."""


class MemoryHolds:
    """Holds by call. ``answers`` come first, in order: exceptions are raised, the rest is returned."""

    def __init__(self, trail: list[str]) -> None:
        self.held: dict[str, HoldRequest] = {}
        self.reasserted: list[int] = []
        self.answers: list[Held | Refused | AlreadySettled | Exception] = []
        self._trail = trail

    async def hold(self, request: HoldRequest) -> Held | Refused | AlreadySettled:
        self._trail.append("hold")
        answer = self.answers.pop(0) if self.answers else Held(request.at_ms, request.estimate_nano)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Held):
            self.held[request.call_id] = request
        return answer

    async def reassert(self, request: HoldRequest, expires_at_ms: int) -> bool:
        self.reasserted.append(expires_at_ms)
        return request.call_id in self.held


class MemoryCache:
    """Answers by digest, and who leads a flight; ``down`` is raised while it is set. Nothing expires."""

    lease_ms = 5_000

    def __init__(self, trail: list[str]) -> None:
        self.answers: dict[str, tuple[bytes, Keep]] = {}
        self.looks: list[Lookup] = []
        self.stored: list[tuple[Lookup, Keep]] = []
        self.leads: dict[str, str] = {}
        self.stale = False
        self.down: Unavailable | None = None
        self._trail = trail

    async def take(self, look: Lookup, *, counted: Counted = "exact", may_lead: bool = True) -> Hit | Lead | Wait:
        if counted == "exact":
            self._asked("cache get")
        self.looks.append(look)
        stored = self.answers.get(look.digest)
        hit = stored and Hit("stale" if self.stale else "fresh", stored[0], stored[1].saved_nano, 0)
        if hit and not self.stale:
            return hit
        if may_lead and self.leads.setdefault(look.digest, look.token) == look.token:
            return Lead(NOW_MS, hit)
        return hit or WAIT

    async def store(self, look: Lookup, began_ms: int, body: bytes, keep: Keep) -> bool:
        self._asked("cache put")
        self.answers[look.digest] = (body, keep)
        self.stored.append((look, keep))
        self.leads.pop(look.digest, None)
        return True

    async def neighbours(self, org_id: str, partition: str, after_us: int) -> list[Neighbour]:
        rows = enumerate(((digest, keep.near) for digest, (_, keep) in self.answers.items()), 1)
        return [
            Neighbour(digest, at, near.text, near.vector)
            for at, (digest, near) in rows
            if near is not None and near.partition == partition and at > after_us
        ]

    async def renew(self, look: Lookup) -> bool:
        return self.leads.get(look.digest) == look.token

    async def release(self, look: Lookup) -> None:
        if self.leads.get(look.digest) == look.token:
            del self.leads[look.digest]

    def _asked(self, what: str) -> None:
        self._trail.append(what)
        if self.down is not None:
            raise self.down


class WordGuard:
    """Replaces a word in questions and answers, or stops what has it."""

    def __init__(self, trail: list[str], word: str, instead: str | None) -> None:
        self._trail = trail
        self._word = word
        self._instead = instead

    async def question(self, call: Call) -> Call:
        self._trail.append("guard question")
        content = replaced(call.content, prompt=self._passed(call.content.prompt))
        return replaced(call, content=content)

    async def answer(self, call: Call, response: ModelResponse) -> ModelResponse:
        self._trail.append("guard answer")
        text = self._passed(response.text)
        return ModelResponse(text, response.usage, response.finish_reason, response.sent, {"text": text})

    def _passed(self, text: str) -> str:
        if self._word in text and self._instead is None:
            raise StepError("blocked", f"{self._word!r} may not pass")
        return text.replace(self._word, self._instead or "")


class DatedPrices(PriceBook):
    """Prices that have changed: one nano-dollar a token before ``since_ms``, two from then on."""

    def __init__(self, since_ms: int) -> None:
        super().__init__([])
        self._since_ms = since_ms

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
        return self._rate(at_ms) * (input_tokens + max_tokens)

    def cost(self, provider: str, model: str, usage: Usage, at_ms: int | None = None, served: Served = ()) -> int:
        return self._rate(at_ms) * (usage.input_tokens + usage.output_tokens)

    def version(self, provider: str, model: str) -> str:
        return "dated"

    def _rate(self, at_ms: int | None) -> int:
        assert at_ms is not None
        return 1 if at_ms < self._since_ms else 2


def for_all(prices: PriceBook) -> Callable[..., int]:
    """Return the estimates that a router is given, the same for all organisations."""
    return lambda _org_id, *call: prices.estimate(*call)


class TrailRouter(RouteTable):
    """The route table, which notes when it is asked."""

    def __init__(self, trail: list[str]) -> None:
        super().__init__()
        self._trail = trail

    def choose(self, call: Any) -> Any:
        self._trail.append("route")
        return super().choose(call)


@dataclass
class Calls:
    """What calls are made with. ``trail`` is what the ports were asked, in order."""

    directory: Path
    trail: list[str] = field(default_factory=list)
    started: list[CallStarted] = field(default_factory=list)
    announce_fails: Exception | None = None
    prices: PriceBook = PRICES

    def __post_init__(self) -> None:
        self.clock = ManualClock(NOW_MS)
        self.aborts = Cancellations(self.clock)
        self.provider = MemoryProvider(self.trail)
        self.holds = MemoryHolds(self.trail)
        self.cache = MemoryCache(self.trail)
        self.objects = LocalObjects(self.directory)
        self.router = TrailRouter(self.trail)

    async def announce(self, call: CallStarted) -> None:
        self.trail.append("announce")
        if self.announce_fails is not None:
            raise self.announce_fails
        self.started.append(call)

    def ports(self, quotas: Quotas | None = None, guards: Sequence[Guard] = ()) -> CallPorts:
        return CallPorts(
            providers={"local": self.provider},
            router=self.router,
            prices=self.prices,
            holds=self.holds,
            announce=self.announce,
            cache=CachePorts(self.cache),
            objects=self.objects,
            clock=self.clock,
            aborts=self.aborts,
            hold_ttl_ms=TTL_MS,
            lease_ms=LEASE_MS,
            quotas=quotas,
            guards=guards,
        )

    def make(self, **more: Any) -> Proceed:
        return compose(call_stages(self.ports(**more)))

    def spent(self, settlements: Iterable[CostEvent] = ()) -> int:
        """Return what the budgets have booked once every hold has ended and these settlements are in the log.

        A hold that ends becomes a presumed settlement if the log knows its call, and else is only released.
        """
        books = Books()
        for call in self.started:
            books.fold(call)
        for call in self.started:
            if call.call_id in self.holds.held:
                books.fold(call.presumed())
        for settlement in settlements:
            books.fold(settlement)
        return books.spent()


class Books:
    """The budgets table of one organisation, folded by the fold of production."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Any] = {}
        self._offset = 0

    def get(self, entity: str, name: str) -> Any | None:
        return self._entries.get((entity, name))

    def fields(self, entity: str) -> Iterable[str]:
        return [name for of, name in self._entries if of == entity]

    def put(self, entity: str, name: str, value: Any) -> None:
        self._entries[entity, name] = value

    def drop(self, entity: str, name: str) -> None:
        self._entries.pop((entity, name), None)

    def fold(self, event: CallStarted | CostEvent) -> None:
        BudgetsFold().fold(self, event, NOW_MS + self._offset, self._offset)
        self._offset += 1

    def spent(self) -> int:
        """Return what is booked for the organisation, which no other dimension exceeds."""
        return max((int(self.get("acme", name) or 0) for name in self.fields("acme")), default=0)


def call(ledger: Ledger | None = None, /, **changes: Any) -> Call:
    """One call of a run. Changes are of the call, or of its content."""
    of_content = {name: changes.pop(name) for name in list(changes) if name in Content.__struct_fields__}
    template = Template(name="ask", version=1, text="Say {{word}}", args={"word": "x"})
    content = Content(**({"max_tokens": 100, "template": template, "prompt": "Say x"} | of_content))
    fields: dict[str, Any] = {
        "org_id": "acme",
        "call_id": "run:step:1@5#1",
        "idempotency_key": "run:step:1",
        "origin": Origin(request_id="run:step:1", workflow_name="flow", run_id="run", step_id="step", attempt=1),
        "trace": Trace(trace_id="t" * 32, span_id="s" * 16, parent_span_id="p" * 16),
        "tier": "silver",
        "content": content,
        "ledger": ledger or Ledger(),
        "timeout_s": 60.0,
        "cancel_key": "run",
    }
    return Call(**(fields | changes))


def replaced(struct: Any, **changes: Any) -> Any:
    """Return a call, or its content, with changes."""
    fields = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return type(struct)(**(fields | changes))


def estimate(prompt: str, max_tokens: int = 100) -> int:
    return PRICES.estimate("local", "local-silver", len(prompt), max_tokens, NOW_MS)


def actual_cost() -> int:
    return PRICES.cost("local", "local-silver", USAGE, NOW_MS)


class Next:
    """The stages that follow one under test: ``calls`` are those that it let through."""

    def __init__(self, answer: Answer | Exception | None = None, then: Callable[[], None] = lambda: None) -> None:
        self.calls: list[Call] = []
        self._answer = answer or Answer(response=ModelResponse("an answer", USAGE, "stop", {"q": 1}, {"a": 1}))
        self._then = then

    async def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        self._then()
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    @property
    def call(self) -> Call:
        (one,) = self.calls
        return one


class Killed(BaseException):
    """The process is gone: nothing after this runs, and nothing is settled."""


async def killed_before(call: Call, proceed: Proceed) -> Answer:
    """Die on the way in."""
    raise Killed


async def killed_after(call: Call, proceed: Proceed) -> Answer:
    """Die when what follows has answered."""
    await proceed(call)
    raise Killed


def name_of(stage: Stage) -> str:
    """Return the name of a stage's file."""
    return type(stage).__module__.rpartition(".")[2]


class WordEmbedder:
    """Vectors of the words in a text, without their order."""

    def __init__(self, space: str = "words") -> None:
        self.space = space

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> list[float]:
        counts = [0.0] * 64
        for word in text.lower().split():
            counts[crc32(word.encode()) % 64] += 1.0
        length = sum(n * n for n in counts) ** 0.5 or 1.0
        return [n / length for n in counts]
