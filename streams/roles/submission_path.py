"""The path of submissions in a stream process, with what it asks; the ingress and the scheduler submit on it."""

import asyncio
from dataclasses import dataclass
from functools import partial

from connectors.aio.cancel import end
from connectors.kafka.deadline_appender import Appender
from connectors.kafka.progress import LogProgress
from connectors.objects.store import Objects
from connectors.postgres.cells.places import Places
from connectors.postgres.database import Database
from connectors.postgres.history.run_limits import RunLimits
from connectors.postgres.history.runs import Runs
from connectors.postgres.money.price_lists import PriceListStore
from connectors.postgres.prompts import Prompts
from connectors.postgres.workflows import Workflows
from connectors.prices.book import PriceBook
from connectors.providers.custom.building import stated_prices
from connectors.redis.marker_generation import MarkerGeneration
from connectors.redis.submission_markers import SubmissionMarkers
from connectors.tools import REGISTRY
from services.prices.stored import StoredPrices
from services.privacy.subjects.wiring import subject_runs
from services.prompts.rollouts.arms import arms_of
from services.runs.admission_required import AdmissionRequired
from services.runs.known_runs import KnownRuns
from services.runs.large_inputs import LargeInputs
from services.runs.path_admission import PathAdmission
from services.runs.run_ids import RunIds
from services.runs.submit import SubmissionPorts, Submissions
from services.security.policies.pinning import Pinning
from services.security.policies.wiring import pinning_of
from services.tools.server_labels import server_labels_of
from services.workflows.resolver import WorkflowResolver
from streams.process.context import STORE_TIMEOUT_S, RoleContext
from topics.catalogue import RUN_EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionPath:
    """One role's submissions, on a pool of PostgreSQL connections of its own."""

    database: Database
    workflows: Workflows
    history: Runs
    markers: SubmissionMarkers
    objects: Objects
    appender: Appender
    submissions: Submissions
    security: Pinning
    places: Places

    @classmethod
    def of(cls, ctx: RoleContext, known: KnownRuns | None = None) -> "SubmissionPath":
        """Return a path; without ``known`` every marker is trusted. Raises ``ValueError`` for a wrong setting."""
        settings, database = ctx.settings, ctx.database()
        workflows, history = Workflows(database), Runs(database)
        markers = SubmissionMarkers(ctx.redis, settings.kafka.partitions, STORE_TIMEOUT_S)
        objects, appender = ctx.objects(), ctx.appender()
        places = Places(database)
        security = pinning_of(database, REGISTRY, ctx.vault(), server_labels_of(settings, database))
        ports = SubmissionPorts(
            plans=WorkflowResolver(workflows, Prompts(database), arguments=REGISTRY.argument_names),
            markers=markers,
            history=history,
            appender=appender,
            large_inputs=LargeInputs(objects, settings.objects.max_inputs_bytes),
            admission_required=AdmissionRequired(RunLimits(database), settings.tables.admission_pool),
            known=known,
            paths=PathAdmission(stored_prices(ctx, database)),
            arms=arms_of(database),
            security=security,
            subjects=subject_runs(objects, ctx.subject_keys()),
            ids=RunIds(markers, history, partial(ctx.log.partitions, RUN_EVENTS), settings.kafka.partitions),
            places=places,
        )
        return cls(
            database=database,
            workflows=workflows,
            history=history,
            markers=markers,
            objects=objects,
            appender=appender,
            submissions=Submissions(ports, capture=settings.security.capture),
            security=security,
            places=places,
        )


def stored_prices(ctx: RoleContext, database: Database) -> StoredPrices:
    """Return what workers hold money by, the prices that custom providers state included."""
    ctx.load_tools()
    book = PriceBook.load(ctx.settings.providers.prices_file, stated_prices())
    return StoredPrices(lambda: book, PriceListStore(database))


def known_runs(ctx: RoleContext) -> KnownRuns:
    """Return what knows whether an unknown submission id is new. It watches the markers until the process ends."""
    kafka = ctx.settings.kafka
    generation = MarkerGeneration(ctx.redis, STORE_TIMEOUT_S)
    known = KnownRuns(generation, LogProgress(kafka.bootstrap))
    watch = asyncio.create_task(known.watch(), name="watch the submission markers")
    ctx.on_close(lambda: end(watch))
    return known
