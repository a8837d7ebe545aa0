"""An ingress as its role makes it, for tests that bring their own log."""

from pathlib import Path

from redis.asyncio import Redis

from connectors.accepted import AcceptedMarkers
from connectors.appender import Appender
from connectors.large_inputs import LargeInputs
from connectors.objects import LocalObjects
from connectors.plans import Plans
from connectors.postgres.database import Database
from connectors.postgres.prompts import Prompts
from connectors.postgres.runs import Runs
from connectors.postgres.workflows import Workflows
from connectors.settings import Settings
from connectors.signals import SignalPost
from connectors.submissions import Submissions
from streams.ingress import DeadLetter, Ingress


def ingress_of(settings: Settings, database: Database, redis: "Redis", log: Appender, letters: DeadLetter) -> Ingress:
    """Return an ingress with connections of its own."""
    workflows, history = Workflows(database), Runs(database)
    markers = AcceptedMarkers(redis, settings.partitions)
    objects = LocalObjects(Path(settings.objects_dir))
    signals = SignalPost(
        history=history,
        markers=markers,
        workflows=workflows,
        objects=objects,
        appender=log,
        redis=redis,
        partitions=settings.partitions,
    )
    plans = Plans(workflows, Prompts(database))
    return Ingress(Submissions(plans, markers, history, log, LargeInputs(objects)), signals, letters)
