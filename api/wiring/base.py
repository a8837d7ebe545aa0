"""What the parts of the API are made from: settings, clients, and what several parts share."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.clients import DEPENDENCY_TIMEOUT_S, Clients
from api.services import TopicCreators
from connectors.http.cell_client import CellClient
from connectors.kafka.deadline_appender import DeadlineAppender
from connectors.postgres.organisations import Organisations, Projects
from connectors.postgres.vault import Vault
from connectors.redis.readers.spend import Spend
from connectors.redis.worker_registry import WorkerRegistry
from schemas.configuration.cells import read_cells
from schemas.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What each part of the API may be made from. Without an envelope key there is no ``vault``.

    ``peers`` are the other cells, none where this site is not a cell.
    """

    settings: Settings
    clients: Clients
    topics: TopicCreators
    appender: DeadlineAppender
    workers: WorkerRegistry
    organisations: Organisations
    projects: Projects
    spend: Spend
    peers: Mapping[str, CellClient]
    vault: Vault | None

    @classmethod
    def of(cls, settings: Settings, clients: Clients, topics: TopicCreators) -> "Base":
        """Return it for a process' clients. Raises ``ValueError`` for a wrong setting."""
        others = read_cells(settings.cells.file).values() if settings.cells.name else ()
        return cls(
            settings=settings,
            clients=clients,
            topics=topics,
            appender=DeadlineAppender(clients.log, DEPENDENCY_TIMEOUT_S),
            workers=WorkerRegistry(clients.redis, DEPENDENCY_TIMEOUT_S),
            organisations=Organisations(clients.database),
            projects=Projects(clients.database),
            spend=Spend(clients.redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S),
            peers={one.name: CellClient(one.name, one.url, one.token) for one in others},
            vault=None if clients.kms is None else Vault(clients.database, clients.kms),
        )

    @property
    def partitions(self) -> int:
        """How many partitions the topics of runs have."""
        return self.settings.kafka.partitions
