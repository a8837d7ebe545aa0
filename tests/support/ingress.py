"""An ingress as its role makes it, for tests that bring their own log."""

from pathlib import Path

from redis.asyncio import Redis

from connectors.kafka.deadline_appender import Appender
from connectors.objects.store import LocalObjects
from connectors.postgres.database import Database
from connectors.postgres.history.runs import Runs
from connectors.postgres.money.price_lists import PriceListStore
from connectors.postgres.prompts import Prompts
from connectors.postgres.workflows import Workflows
from connectors.prices.book import PriceBook
from connectors.redis.readers.signals import SignalsReader
from connectors.redis.submission_markers import SubmissionMarkers
from schemas.settings import Settings
from services.prices.stored import StoredPrices
from services.runs.large_inputs import LargeInputs
from services.runs.path_admission import PathAdmission
from services.runs.signals import SignalSender
from services.runs.submit import SubmissionPorts, Submissions
from services.workflows.resolver import WorkflowResolver
from streams.roles.ingress import DeadLetter, Ingress


def ingress_of(settings: Settings, database: Database, redis: "Redis", log: Appender, letters: DeadLetter) -> Ingress:
    """Return an ingress with connections of its own."""
    workflows, history = Workflows(database), Runs(database)
    markers = SubmissionMarkers(redis, settings.kafka.partitions)
    objects = LocalObjects(Path(settings.objects.directory))
    signals = SignalSender(
        history=history,
        markers=markers,
        workflows=workflows,
        objects=objects,
        appender=log,
        signals=SignalsReader(redis, settings.kafka.partitions),
    )
    ports = SubmissionPorts(
        plans=WorkflowResolver(workflows, Prompts(database)),
        markers=markers,
        history=history,
        appender=log,
        large_inputs=LargeInputs(objects),
        paths=PathAdmission(StoredPrices(PriceBook.load, PriceListStore(database))),
    )
    return Ingress(Submissions(ports), signals, letters)
