"""The definitions that a worker's calls need, kept up to date from their topic."""

from dataclasses import dataclass

from connectors.kafka.definitions_consumer import DefinitionsFollower
from connectors.prices.book import PriceBook
from connectors.provider_facts import load_facts
from connectors.providers.custom.building import stated_prices
from schemas.records.definitions import Definition
from services.budgets.definitions import BudgetDefinitions
from services.budgets.stops import StopDefinitions
from services.prices.lists import PriceLists
from services.privacy.subjects.erasure import Forgets
from services.quotas.rules import QuotaRules, QuotasFile
from services.security.compliance.known import KnownFacts
from services.security.enforcement.known import KnownPolicies
from streams.roles.worker.wiring.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """What is defined; each part takes what concerns it. ``forgets`` drops the keys of persons who are erased."""

    budgets: BudgetDefinitions
    stops: StopDefinitions
    quotas: QuotaRules
    prices: PriceLists
    facts: KnownFacts
    policies: KnownPolicies
    forgets: Forgets

    def apply(self, definition: Definition) -> None:
        """Take a definition from the topic."""
        for part in (self.stops, self.budgets, self.quotas, self.prices, self.facts, self.policies, self.forgets):
            part.apply(definition)

    def mark_loaded(self) -> None:
        """All definitions that there were at the start are taken; until then calls wait."""
        for part in (self.prices, self.facts, self.stops, self.budgets, self.policies):
            part.mark_loaded()


def followed_definitions(parts: Parts) -> Definitions:
    """Return definitions that follow the topic until the process ends. Raises ``ValueError`` for a wrong file."""
    ctx, providers = parts.ctx, parts.ctx.settings.providers
    definitions = Definitions(
        budgets=BudgetDefinitions(),
        stops=StopDefinitions(),
        quotas=QuotaRules(QuotasFile.load(providers.quotas_file), learns=providers.quotas_learned),
        prices=PriceLists(PriceBook.load(providers.prices_file, stated_prices())),
        facts=KnownFacts(load_facts(providers.facts_file)),
        policies=parts.policies,
        forgets=Forgets(ctx.subject_keys(), parts.objects),
    )
    follower = DefinitionsFollower(ctx.settings.kafka.bootstrap, definitions.apply, definitions.mark_loaded)
    follower.start()
    ctx.on_close(follower.stop)
    return definitions
