"""Calls with fallbacks and hedges through the real stages: which provider gets which class."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import structs

from bench.privacy.compliance.workflows import MEETS, POLICY, STATED
from connectors.aio.clock import WallClock
from connectors.prices.book import PriceBook
from connectors.prices.overrides import Override
from connectors.providers.base import ModelResponse
from connectors.providers.local.provider import LocalProvider
from schemas.compliance.facts import StoredFacts
from schemas.errors import StepError
from schemas.policies.document import Policy
from schemas.policies.read import read_policy
from schemas.records.base import Usage
from schemas.records.definitions import Definition, DefinitionKind
from schemas.records.steps import RouteWish, StepSecurity
from schemas.tables.routes import NOTHING, Learned
from services.calls.call import Answer, Call, Content, Origin, Proceed, Template, Trace
from services.calls.cancellation import Cancellations
from services.calls.ledger import Ledger
from services.calls.pipeline import compose
from services.calls.records import provider_call
from services.calls.stages.policy import CheckRoute, GuardModel
from services.calls.stages.route import RouteCall
from services.routing.models import Model, Models, RoutesFile
from services.routing.policy_router import PolicyRouter
from services.routing.router import Pin
from services.security.compliance.known import KnownFacts
from services.security.enforcement.known import KnownPolicies

PROVIDERS: Final = ("europe", "america", "keeper", "trainer", "nobody", "local")
USAGE: Final = Usage(input_tokens=10, output_tokens=10)
#: A slow answer, after which a hedge starts, and a usual one.
SLOW_S, FAST_S = 0.03, 0.0005
#: Calls that earn what hedges cost, before any is counted.
EARNING = 300


@dataclass(slots=True)
class Played:
    """What reached whom. ``leaked`` are tries of a class at a provider that may not have it.

    ``unserved`` are calls that were refused though a provider of their choice, or of ``reroute``, may have the data.
    """

    calls: int = 0
    tries: int = 0
    fallbacks: int = 0
    hedges: int = 0
    denied: int = 0
    rerouted: int = 0
    leaked: list[str] = field(default_factory=list)
    unserved: list[str] = field(default_factory=list)


class _Nothing:
    async def learned(self, group: str) -> Learned:
        return NOTHING


class _Priced:
    """The same prices for every organisation."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book

    def check_known(self) -> None:
        """They are known."""

    def of(self, _org_id: str, _at_ms: int) -> PriceBook:
        return self._book

    def booked(self, _org_id: str, _version: str) -> PriceBook:
        return self._book


class _Providers:
    """The last stage: fails, or is slow, by chance, and notes which classes came to whom."""

    def __init__(self, rng: random.Random, played: Played) -> None:
        self._rng = rng
        self.played = played
        self.counted = False

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        provider, chance = call.route.provider, self._rng.random()
        if self.counted:
            self.played.tries += 1
            self.played.fallbacks += call.trial.kind == "fallback"
            self.played.hedges += call.trial.kind == "hedge"
            self.played.leaked += [f"{name} at {provider}" for name in classes_of(call) if provider not in MEETS[name]]
        slow = chance < 0.15
        await asyncio.sleep(SLOW_S if slow and self.counted else FAST_S)
        if self.counted and chance > 0.75:
            call.ledger.calls.append(provider_call(call, "error", 0, 1.0))
            raise StepError("provider_unavailable", "down", retryable=True)
        call.ledger.calls.append(structs.replace(provider_call(call, "ok", 0, 1.0), cost_nano=1_000_000))
        return Answer(response=ModelResponse("an answer", USAGE, "stop", {}, {}))


def classes_of(call: Call) -> list[str]:
    """Return the classes of a call's argument."""
    words = [] if call.security is None else call.security.args["$.word"]
    return [word.removeprefix("class:") for word in words if word.startswith("class:")]


class World:
    """The stages of routes and policies, over providers in memory."""

    def __init__(self, seed: int, *, reroute: bool = False, demands: bool = True) -> None:
        self.rng, self.played = random.Random(seed), Played()  # noqa: S311 - calls of a seed
        more = {"reroute": ["local/m"]} if reroute else {}
        section = POLICY.document["compliance"]
        assert isinstance(section, dict)
        document = POLICY.document | {"compliance": section | more if demands else None}
        self.policy: Policy = read_policy(document)
        self.reroutes = reroute
        policies, facts = KnownPolicies(), KnownFacts()
        policies.apply(_definition("policy", self.policy.document))
        facts.apply(_definition("provider_facts", StoredFacts(version=1, facts=STATED).body()))
        policies.mark_loaded()
        facts.mark_loaded()
        clock, local = WallClock(), LocalProvider()
        aborts, book = Cancellations(clock), PriceBook([_price(one) for one in PROVIDERS])
        router = PolicyRouter(_models(), PROVIDERS, lambda _org, *call: book.estimate(*call), _Nothing())
        self.providers = _Providers(self.rng, self.played)
        stages = (
            GuardModel(policies, router, clock, facts),
            RouteCall(router, dict.fromkeys(PROVIDERS, local), _Priced(book), clock, aborts),
            CheckRoute(policies, clock, facts),
            self.providers,
        )
        self._make = compose(stages)

    async def play(self, count: int) -> Played:
        """Make so many calls; before them those that earn hedges, which are not counted."""
        for number in range(EARNING):
            await self._one(number, ["user"], RouteWish(by="best", hedge=True, fallbacks=2), None)
        self.providers.counted = True
        for number in range(count):
            words = self.rng.choice([["user"], ["user", "class:pii"], ["user", "class:secret"]])
            if self.rng.random() < 0.1:
                words = ["user", "class:pii", "class:secret"]
            pinned = Pin(self.rng.choice(PROVIDERS), "m") if self.rng.random() < 0.4 else None
            await self._counted(EARNING + number, words, self._wish(), pinned)
        return self.played

    def _wish(self) -> RouteWish:
        models = [f"{one}/m" for one in self.rng.sample(PROVIDERS, self.rng.randint(1, 5))]
        return RouteWish(by="best", models=models, hedge=True, fallbacks=3)

    async def _counted(self, number: int, words: list[str], wish: RouteWish, pinned: Pin | None) -> None:
        self.played.calls += 1
        ledger = Ledger()
        try:
            await self._one(number, words, wish, pinned, ledger)
        except StepError as exc:
            if exc.code != "provider_unavailable":
                self.played.denied += 1
                self._was_right(words, wish, pinned, exc)
        self.played.rerouted += any(one.verdict == "route" for one in ledger.decisions)

    def _was_right(self, words: list[str], wish: RouteWish, pinned: Pin | None, exc: StepError) -> None:
        names = [word.removeprefix("class:") for word in words if word.startswith("class:")]
        asked = {pinned.provider} if pinned is not None else {one.partition("/")[0] for one in wish.models}
        may = {one for one in asked if one is not None and all(one in MEETS[name] for name in names)}
        if may or self.reroutes or exc.code != "policy_denied":
            self.played.unserved.append(f"{words} of {sorted(map(str, asked))}: {exc}")

    async def _one(
        self, number: int, words: list[str], wish: RouteWish, pinned: Pin | None, ledger: Ledger | None = None
    ) -> Answer:
        security = StepSecurity(
            policy="bench@1",
            policy_hash=self.policy.hash,
            args={"$": ["trusted"], "$.word": words},
            control=["trusted"],
        )
        template = Template(name="ask", version=1, text="Read {{word}}", args={"word": "x"})
        content = Content(max_tokens=10, template=template, prompt="Read x", wish=wish, pinned=pinned or Pin())
        return await self._make(
            Call(
                org_id="acme",
                call_id=f"c{number}",
                idempotency_key=f"c{number}",
                origin=Origin(request_id=f"c{number}", run_id="run", step_id="step"),
                trace=Trace(trace_id="0" * 32, span_id="0" * 16),
                tier="bronze",
                content=content,
                ledger=ledger or Ledger(),
                timeout_s=5.0,
                security=security,
            )
        )


def _models() -> Models:
    models = [
        Model(provider=one, model="m", quality=0.9 - n / 100, source="bench", context_tokens=100_000, latency_ms=5)
        for n, one in enumerate(PROVIDERS)
    ]
    return Models([RoutesFile(version="bench", models=models)])


def _price(provider: str) -> Override:
    return Override(provider=provider, model="m", version="v", input_usd_per_mtok=1, output_usd_per_mtok=1)


def _definition(kind: DefinitionKind, body: Any) -> Definition:
    return Definition(kind=kind, org_id="acme", id="x", body=body, changed_at_ms=1)
