"""Workflows, prompts, tools, models and MCP servers: how they are read and registered."""

from api.publisher import Publisher
from api.services import DefinitionServices, SecurityServices
from api.wiring.base import Base
from connectors.clickhouse.models_used import ModelsUsed
from connectors.postgres.datasets import Datasets
from connectors.postgres.money.price_lists import PriceListStore
from connectors.postgres.outbox import Outbox
from connectors.postgres.prompts import Prompts
from connectors.postgres.prompts.labels import PromptLabels
from connectors.postgres.tools.mcp import McpStore
from connectors.postgres.tools.secrets import SecretStore
from connectors.postgres.workflows import Workflows
from connectors.prices.book import PriceBook
from connectors.prices.known import KnownModels
from connectors.provider_facts import load_facts
from connectors.providers.custom.building import stated_prices
from connectors.tools import REGISTRY
from connectors.tools.environment import http_rules
from services.prices.stored import StoredPrices
from services.prompts.registry.prompts import PromptRegistry
from services.security.policies.wiring import ForRegistration
from services.tools.installed_mcp import installed_servers
from services.tools.mcp import McpServers
from services.tools.mcp_surface import McpSurface
from services.tools.secrets import ToolSecrets
from services.tools.server_labels import server_labels_of
from services.workflows.checks import DocumentChecks
from services.workflows.registration import RegistrationPorts, Registrations
from services.workflows.resolver import WorkflowResolver


def definitions_of(base: Base, security: SecurityServices) -> DefinitionServices:
    """Return the definitions of organisations, checked against their policies."""
    database, providers = base.clients.database, base.settings.providers
    lists = PriceListStore(database)

    def book() -> PriceBook:
        return PriceBook.load(providers.prices_file, stated_prices())

    prices = StoredPrices(book, lists)
    ports = RegistrationPorts(
        workflows=Workflows(database),
        prompts=Prompts(database),
        tools=REGISTRY,
        models=KnownModels.load(providers.prices_file, stated_prices),
        prices=prices,
        workers=base.workers,
        checks=DocumentChecks(),
        vault=base.vault,
        policies=ForRegistration(security.active, security.facts),
        servers=server_labels_of(base.settings, database),
        queues=security.queue_tools,
        facts=load_facts(providers.facts_file),
    )
    return DefinitionServices(
        workflows=ports.workflows,
        prompts=PromptRegistry(ports.prompts, PromptLabels(database), base.organisations),
        datasets=Datasets(database),
        plans=WorkflowResolver(ports.workflows, ports.prompts, arguments=REGISTRY.argument_names),
        checks=ports.checks,
        tools=REGISTRY,
        models=ports.models,
        registrations=Registrations(ports),
        prices=book,
        price_lists=lists,
        organisation_prices=prices,
        models_used=ModelsUsed(base.clients.clickhouse),
        publisher=Publisher("definitions", Outbox(database), base.appender),
        topics=base.topics,
    )


def mcp_of(base: Base) -> McpSurface:
    """Return the MCP servers that workflows call."""
    # Secrets of organisations alone: those of the environment are the workers'.
    settings, clients = base.settings, base.clients
    rules, store = http_rules(settings), McpStore(clients.database)
    secrets = None if clients.kms is None else ToolSecrets(SecretStore(clients.database, clients.kms))
    servers = McpServers(store, rules, installed_servers(settings.tools.mcp_servers_file))
    return McpSurface(store, servers, rules, secrets)
