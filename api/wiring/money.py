"""Money and limits: budgets, bills, the optimizer, and how many runs may run at once."""

from api.clients import DEPENDENCY_TIMEOUT_S
from api.publisher import Publisher
from api.services import DefinitionServices, LimitServices, MoneyServices
from api.wiring.base import Base
from connectors.clickhouse.bill_rows import BillRows
from connectors.clickhouse.call_facts import CallFacts
from connectors.clickhouse.spend_ledger import SpendLedger
from connectors.postgres.history.run_limits import RunLimits
from connectors.postgres.money.budgets import Budgets
from connectors.postgres.money.optimizer_changes import OptimizerChanges
from connectors.postgres.money.stops import Stops
from connectors.postgres.prompts import Prompts
from connectors.redis.readers.admissions import AdmissionReader
from services.billing.bills import Bills
from services.budgets.opening import Opening
from services.budgets.targets import Targets
from services.caching.policy import ttls_of
from services.optimizer.optimizer import Optimizer, OptimizerPorts
from services.routing.models import Models
from services.runs.admission_required import AdmissionRequired


def money_of(base: Base, definitions: DefinitionServices) -> MoneyServices:
    """Return budgets, what was spent of them, and bills."""
    clients = base.clients
    budgets, ledger = Budgets(clients.database), SpendLedger(clients.clickhouse)
    prices = definitions.organisation_prices
    return MoneyServices(
        budgets=budgets,
        stops=Stops(clients.database),
        spend=base.spend,
        targets=Targets(definitions.workflows, base.projects, definitions.models, prices),
        ledger=ledger,
        bills=Bills(BillRows(clients.clickhouse), prices),
        opening=Opening(budgets, base.spend, ledger, clients.progress, base.appender, base.partitions),
    )


def limits_of(base: Base) -> LimitServices:
    """Return the limits of runs that run at once."""
    stored = RunLimits(base.clients.database)
    return LimitServices(
        stored=stored,
        publisher=Publisher("limits", stored, base.appender),
        admission_required=AdmissionRequired(stored, base.settings.tables.admission_pool),
        admission=AdmissionReader(base.clients.redis, DEPENDENCY_TIMEOUT_S),
    )


def optimizer_of(base: Base, definitions: DefinitionServices) -> Optimizer:
    """Return what proposes cheaper models, prompts and caches. Raises ``ValueError`` for a wrong setting."""
    clients, settings = base.clients, base.settings
    ports = OptimizerPorts(
        facts=CallFacts(clients.clickhouse),
        workflows=definitions.workflows,
        prompts=Prompts(clients.database),
        registrations=definitions.registrations,
        changes=OptimizerChanges(clients.database),
        models=Models.load(settings.providers.routes_file),
        prices=definitions.organisation_prices,
        ttls=ttls_of(settings.cache.ttl),
    )
    return Optimizer(ports)
