"""How the services of runs are made: submissions, dry runs, waits, restarts, streams."""

from functools import partial

from api.clients import CLIENT_ID, DEPENDENCY_TIMEOUT_S
from api.http.concurrency_limit import Bound
from api.live.run_stream import Streams
from api.services import (
    DefinitionServices,
    LimitServices,
    RunServices,
    SecurityServices,
)
from api.wiring.base import Base
from connectors.clickhouse.route_spans import RouteSpans
from connectors.kafka.lag import LaneLag
from connectors.kafka.log import KafkaLog
from connectors.objects.s3 import s3_access
from connectors.objects.store import open_objects
from connectors.ports.pubsub import NoPubSub, PubSub
from connectors.postgres.cells.stays import Stays
from connectors.postgres.history.run_changes import RunFollower
from connectors.postgres.history.run_places import RunPlaces
from connectors.postgres.history.run_steps import RunSteps
from connectors.postgres.history.runs import Runs
from connectors.postgres.money.budgets import Budgets
from connectors.redis.claims.lease_reader import LeaseReader
from connectors.redis.marker_generation import MarkerGeneration
from connectors.redis.readers.signals import SignalsReader
from connectors.redis.readers.specs import SpecReader
from connectors.redis.submission_markers import SubmissionMarkers
from connectors.tools import REGISTRY
from services.observability.replay.other_cells import OtherLogs
from services.observability.replay.run_records import RunRecords
from services.privacy.subjects.erasure import Erasures
from services.privacy.subjects.wiring import sealing_objects, subject_runs
from services.prompts.rollouts.arms import arms_of
from services.runs.admission_required import AdmissionRequired
from services.runs.answers.routes import RunRoutes
from services.runs.approvals import Approvals
from services.runs.bulk import Bulk
from services.runs.dry_run import DryRunPorts, DryRuns
from services.runs.explain_waiting import Waits
from services.runs.known_runs import KnownRuns
from services.runs.large_inputs import LargeInputs
from services.runs.path_admission import PathAdmission
from services.runs.restart import RestartPorts, Restarts
from services.runs.run_ids import RunIds
from services.runs.signals import SignalSender
from services.runs.submit import SubmissionPorts, Submissions
from services.runs.updates import Updates
from services.workflows.of_run import RunDefinitions
from topics.catalogue import RUN_EVENTS

#: Each waits for one append at most; more of them would only queue for the broker.
MAX_SUBMISSIONS_IN_FLIGHT = 512
#: Each reads history every second or two, which is a part of a millisecond of PostgreSQL.
MAX_STREAMS = 256
STREAMS_RETRY_S = 5.0
#: Each reads Redis and history some times a second.
MAX_WAITING_UPDATES = 128
#: The lag of a lane is asked beside history and claims.
LANE_TIMEOUT_S = 0.7


class RunWiring:
    """What the services of runs share while they are made."""

    def __init__(
        self, base: Base, definitions: DefinitionServices, limits: LimitServices, security: SecurityServices
    ) -> None:
        settings, clients = base.settings, base.clients
        self._base = base
        self._settings, self._clients, self._appender = settings, clients, base.appender
        self._definitions, self._security = definitions, security
        self._partitions = base.partitions
        self._history = Runs(clients.database)
        self._markers = SubmissionMarkers(clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S)
        self._known = KnownRuns(MarkerGeneration(clients.redis, DEPENDENCY_TIMEOUT_S), clients.progress)
        objects = settings.objects
        self.subject_keys = None if clients.vault is None else clients.vault.keys
        stored = open_objects(objects.url, objects.directory, s3_access(objects))
        self._objects = sealing_objects(stored, self.subject_keys)
        self._subjects = subject_runs(self._objects, self.subject_keys)
        self._large_inputs = LargeInputs(self._objects, objects.max_inputs_bytes)
        specs = SpecReader(clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S)
        self._arms = arms_of(clients.database)
        self._of_run = RunDefinitions(definitions.plans, specs, self._arms)
        self._waits = self._explaining(limits)
        self._submissions = self._submitting(limits.admission_required)
        self._dry_runs = self._trying(limits)
        self._restarts = self._restarting()

    def services(self) -> RunServices:
        """Return them."""
        bus = self._clients.nats or NoPubSub()
        follower = RunFollower(self._clients.database)
        return RunServices(
            history=self._history,
            definitions=self._of_run,
            steps=RunSteps(self._clients.database),
            markers=self._markers,
            known=self._known,
            submissions=self._submissions,
            dry_runs=self._dry_runs,
            restarts=self._restarts,
            bulk=Bulk(self._appender, self._restarts, self._submissions, bus),
            waits=self._waits,
            signals=self._signals(),
            updates=self._updates(),
            waiting_updates=Bound("updates", MAX_WAITING_UPDATES),
            approvals=Approvals(self._history, RunSteps(self._clients.database), self._appender),
            routes=self._routes(),
            streams=Streams(follower, bus, Bound("event streams", MAX_STREAMS, STREAMS_RETRY_S)),
            bound=Bound("submissions", MAX_SUBMISSIONS_IN_FLIGHT),
            bus=bus,
            objects=self._objects,
            appender=self._appender,
            erasures=self._erasures(bus),
            records=RunRecords(
                KafkaLog(self._settings.kafka.bootstrap, client_id=CLIENT_ID),
                RunPlaces(self._clients.database),
                self._partitions,
                OtherLogs(Stays(self._clients.database), self._base.peers) if self._base.peers else None,
            ),
        )

    def _erasures(self, bus: PubSub) -> Erasures | None:
        if self.subject_keys is None:
            return None
        return Erasures(
            keys=self.subject_keys,
            history=self._history,
            appender=self._appender,
            bus=bus,
            objects=self._objects,
        )

    def _submitting(self, required: AdmissionRequired) -> Submissions:
        ports = SubmissionPorts(
            plans=self._definitions.plans,
            markers=self._markers,
            history=self._history,
            appender=self._appender,
            large_inputs=self._large_inputs,
            admission_required=required,
            known=self._known,
            paths=PathAdmission(self._definitions.organisation_prices),
            arms=self._arms,
            security=self._security.pinning,
            subjects=self._subjects,
            ids=self._ids(),
            places=self._clients.places,
        )
        return Submissions(ports, capture=self._settings.security.capture)

    def _ids(self) -> RunIds:
        count = partial(self._clients.log.partitions, RUN_EVENTS)
        return RunIds(self._markers, self._history, count, self._partitions)

    def _trying(self, limits: LimitServices) -> DryRuns:
        ports = DryRunPorts(
            submissions=self._submissions,
            admission_required=limits.admission_required,
            limits=limits.stored,
            admission=limits.admission,
            budgets=Budgets(self._clients.database),
            spend=self._base.spend,
        )
        return DryRuns(ports)

    def _explaining(self, limits: LimitServices) -> Waits:
        claims = LeaseReader(self._clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S)
        lag = LaneLag(self._settings.kafka.bootstrap, LANE_TIMEOUT_S)
        return Waits(self._history, self._of_run, claims, lag, limits.admission, self._base.workers)

    def _restarting(self) -> Restarts:
        ports = RestartPorts(
            history=self._history,
            definitions=self._of_run,
            large_inputs=self._large_inputs,
            arguments=REGISTRY.argument_names,
            security=self._security.pinning,
            subjects=self._subjects,
            appender=self._appender,
        )
        return Restarts(ports, self._settings.security.capture)

    def _routes(self) -> RunRoutes:
        return RunRoutes(
            history=self._history,
            steps=RunSteps(self._clients.database),
            definitions=self._of_run,
            spans=RouteSpans(self._clients.clickhouse),
            appender=self._appender,
        )

    def _updates(self) -> Updates:
        return Updates(
            self._history,
            RunSteps(self._clients.database),
            self._definitions.workflows,
            SignalsReader(self._clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S),
        )

    def _signals(self) -> SignalSender:
        return SignalSender(
            history=self._history,
            markers=self._markers,
            workflows=self._definitions.workflows,
            objects=self._objects,
            appender=self._appender,
            signals=SignalsReader(self._clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S),
            security=self._security.pinning,
        )
