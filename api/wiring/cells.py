"""Moves between cells, where this site is one."""

from typing import Any

from api.dead_letters import DeadLetters
from api.services import CellServices, RunServices
from api.wiring.base import Base
from connectors.clickhouse.organisation_rows import AnalyticsRows
from connectors.postgres.cells.arrivals import Arrivals
from connectors.postgres.cells.moves import Moves
from connectors.postgres.cells.open_work import OpenWork
from connectors.postgres.cells.rows import OrganisationRows
from connectors.redis.readers.organisation_money import OrganisationMoney
from services.cells.arriving import Arriving
from services.cells.letters import Letters
from services.cells.mover import Mover
from services.cells.planning import Planning, facts_of
from services.cells.remains import Removal
from services.cells.site import CellSite
from services.observability.replay.other_cells import AskedRecords
from services.security.auditing import Auditing


def cells_of(base: Base, runs: RunServices, auditing: Auditing) -> CellServices | None:
    """Return the services of a cell, ``None`` where this site is none. Raises ``ValueError`` for a wrong setting."""
    settings, clients = base.settings, base.clients
    cells, main = settings.cells, settings.postgres.dsn.get_secret_value()
    if not cells.name:
        return None
    site = CellSite(
        rows=OrganisationRows(cells.dsn.get_secret_value() or main, settings.vault.dsn.get_secret_value()),
        analytics=AnalyticsRows(clients.clickhouse),
        objects=runs.objects,
        money=OrganisationMoney(clients.redis, settings.kafka.partitions),
        work=OpenWork(clients.database),
        appender=base.appender,
        letters=Letters(settings.kafka.bootstrap, base.appender),
        bootstrap=settings.kafka.bootstrap,
    )

    async def facts() -> dict[str, Any]:
        return facts_of(settings, await site.rows.newest_migration(), await site.rows.vault_identity())

    peers = base.peers
    letters = DeadLetters(settings.kafka.bootstrap)
    planning, moves = Planning(site, facts, auditing.event, letters.staying), Moves(clients.database)
    return CellServices(
        token=cells.token.get_secret_value(),
        peers=peers,
        moves=moves,
        planning=planning,
        mover=Mover(moves, site, peers, planning, name=cells.name, settle_s=cells.settle_s),
        arriving=Arriving(Arrivals(clients.database), site, base.topics.of_organisations, auditing.event),
        removal=Removal(site, peers, base.appender),
        records=AskedRecords(runs.records, clients.places),
        facts=facts,
    )
