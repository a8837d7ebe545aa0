"""Every topic, declared once: key, model, partitions, retention, writers and readers.

A family is a topic whose last part is open (``workflow-submissions.<org>``). The deployment sets the number of
partitions (``TOPIC_PARTITIONS``), except where one order over all keys is required. It never changes, since keys decide
partitions, but for the topics of runs (``grows``): these get more by ``python -m deploy.growth``, and a run's id says
among how many it is placed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas import queues as queue_names
from schemas.records.admissions import AdmissionEvent
from schemas.records.budgets import BudgetEvent, BudgetThreshold
from schemas.records.control import KeyReleased
from schemas.records.definitions import AuditEvent, Definition
from schemas.records.money import CallStarted, CostEvent, ProviderCall
from schemas.records.quality import AnswerScored, QualityDrifted
from schemas.records.rollouts.deployments import DeploymentDecided, DeploymentEvent
from schemas.records.rollouts.events import RolloutEvent
from schemas.records.routes import RouteEvent
from schemas.records.run_caps import RunCapEvent
from schemas.records.run_events import RunEvent
from schemas.records.run_notices import RunNotice
from schemas.records.run_views import RunView
from schemas.records.security.audit import AuditCheckpoint
from schemas.records.spans import TraceSpans
from schemas.records.steps import StepRequest
from schemas.spec.policy import TIERS

DAY_MS = 86_400_000
DLQ_SUFFIX = ".dlq"
MEBIBYTE = 1024 * 1024
MAX_MESSAGE_BYTES = MEBIBYTE
#: A dead-letter record carries the original bytes and its headers, so its topic accepts more than its source.
DLQ_MAX_MESSAGE_BYTES = MAX_MESSAGE_BYTES + 256 * 1024
#: A checkpoint's largest record is an entry, which the fold bounds well below this; the marker and the others are
#: small.
CHECKPOINT_MAX_BYTES = 4 * MEBIBYTE

RUN_EVENTS = "run-events"
STEP_REQUESTS = "step-requests"
RUN_VIEWS = "run-views"
PROVIDER_CALLS = "provider-calls"
COST_EVENTS = "cost-events"
ROUTE_OUTCOMES = "route-outcomes"
DEPLOYMENT_OUTCOMES = "deployment-outcomes"
DEPLOYMENT_DECISIONS = "deployment-decisions"
QUALITY_SCORES = "quality-scores"
ADMISSIONS = "admissions"
TRACE_SPANS = "trace-spans"
DEFINITIONS = "definitions"
AUDIT_EVENTS = "audit-events"
SUBMISSIONS = "workflow-submissions"
WORKFLOW_EVENTS = "workflow-events"

#: Topics whose keys are runs: a run stays in its partition when these grow.
OF_RUNS = frozenset({RUN_EVENTS, RUN_VIEWS})

TABLE_RUNS = "runs"
TABLE_BUDGETS = "budgets"
TABLE_ADMISSIONS = "admissions"
TABLE_ROUTES = "routes"
TABLE_DEPLOYMENTS = "deployments"
TABLE_QUALITY = "quality"

#: Partitions of a topic whose records form one order, regardless of their keys.
ONE_ORDER = 1

SEGMENT_PATTERN = r"[A-Za-z0-9_-]{1,64}"
#: The whole name of a queue: of the installation, or of an organisation.
QUEUE_PATTERN = rf"({SEGMENT_PATTERN}\.)?{queue_names.NAME}"
_NO_QUEUES = (*TIERS, "dlq")
#: Each queue is a topic with all its partitions; a broker has room for thousands of those, and no more.
MAX_QUEUES = 100


@dataclass(frozen=True)
class Topic:
    """One topic or family.

    ``model`` is the record type, or a union of them; ``None`` means foreign bytes (CloudEvents) or a table's own.
    ``retention_ms`` of -1 keeps records for ever. ``cleanup`` is Kafka's ``cleanup.policy``. ``key`` describes the key.
    ``append_time`` lets the broker stamp records, so that time is monotonic in a partition. ``partitions`` is set if
    the deployment must not choose the number.
    """

    name: str
    key: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    model: Any = None
    retention_ms: int = 7 * DAY_MS
    cleanup: Literal["delete", "compact"] = "delete"
    family: bool = False
    open_part: str = ""
    part_pattern: str = SEGMENT_PATTERN
    append_time: bool = False
    dead_letters: bool = True
    partitions: int | None = None
    summary: str = ""
    extra_config: dict[str, str] = field(default_factory=dict)

    def config(self) -> dict[str, str]:
        """Return the topic's configuration as Kafka takes it."""
        base = {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "message.timestamp.type": "LogAppendTime" if self.append_time else "CreateTime",
        }
        base["min.compaction.lag.ms" if self.cleanup == "compact" else "retention.ms"] = str(self.retention_ms)
        return base | self.extra_config


def checkpoint_topic(table: str) -> str:
    """Return the topic of a table's checkpoints; it has as many partitions as the table's input."""
    return f"{table}.checkpoint"


#: The broker only compacts closed segments, so they close soon: a restore also reads uncompacted records.
_CHECKPOINT_CONFIG = {
    "max.message.bytes": str(CHECKPOINT_MAX_BYTES),
    "segment.ms": str(10 * 60_000),
    "segment.bytes": str(64 * MEBIBYTE),
    "min.cleanable.dirty.ratio": "0.3",
    # Long enough for any reader that saw the record to see its tombstone, too.
    "delete.retention.ms": str(3_600_000),
}

CATALOGUE: tuple[Topic, ...] = (
    Topic(
        SUBMISSIONS,
        key="any",
        writers=("any system", "bridge"),
        readers=("ingress",),
        family=True,
        open_part="org",
        summary="CloudEvents that submit workflow runs, or are signals for them; the topic names the organisation",
    ),
    Topic(
        RUN_EVENTS,
        key="run id",
        model=RunEvent | KeyReleased,
        writers=(
            *("api", "ingress", "triggers", "scheduler", "worker", "leases", "orchestrator"),
            *("admission", "budgets", "batches", "scores"),
        ),
        readers=("orchestrator",),
        retention_ms=30 * DAY_MS,
        append_time=True,
        summary="every event of a run, in one order: its inbox and its history",
    ),
    *(
        Topic(
            f"{STEP_REQUESTS}.{tier}",
            key="run id:step id",
            model=StepRequest,
            writers=("orchestrator",),
            readers=("worker",),
            retention_ms=30 * DAY_MS,
            summary=f"attempts of steps of the {tier} tier",
        )
        for tier in TIERS
    ),
    Topic(
        STEP_REQUESTS,
        key="run id:step id",
        model=StepRequest,
        writers=("orchestrator",),
        readers=("the queue's workers",),
        retention_ms=30 * DAY_MS,
        family=True,
        open_part="queue",
        part_pattern=QUEUE_PATTERN,
        summary="attempts of steps whose node names a queue, of the installation or of one organisation (org.queue)",
    ),
    Topic(
        RUN_VIEWS,
        key="run id",
        model=RunView,
        writers=("orchestrator", "retention", "api"),
        readers=("history", "analytics", "live", "events"),
        cleanup="compact",
        retention_ms=7 * DAY_MS,
        summary="changes of a run's visible state, with a version; no value: the run was deleted",
    ),
    Topic(
        PROVIDER_CALLS,
        key="provider/model",
        model=ProviderCall,
        writers=("worker",),
        readers=("analytics",),
        summary="one request to a provider and its outcome",
    ),
    Topic(
        COST_EVENTS,
        key="organisation",
        model=CostEvent | CallStarted | BudgetEvent | RunCapEvent | KeyReleased,
        writers=("worker", "budgets", "api", "orchestrator", "batches"),
        readers=("budgets", "analytics", "live-cost"),
        retention_ms=90 * DAY_MS,
        append_time=True,
        summary="calls that started, and one settlement each, in exact money; and the budgets that count them",
    ),
    Topic(
        ROUTE_OUTCOMES,
        key="organisation:prompt:tier",
        model=RouteEvent | KeyReleased,
        writers=("worker", "api", "scores"),
        readers=("routes", "analytics"),
        retention_ms=30 * DAY_MS,
        append_time=True,
        summary="outcomes of routes that were chosen to learn, and scores of their answers",
    ),
    Topic(
        DEPLOYMENT_OUTCOMES,
        key="organisation:prompt:environment",
        model=DeploymentEvent | KeyReleased,
        writers=("api", "worker", "orchestrator", "scores"),
        readers=("deployments",),
        retention_ms=30 * DAY_MS,
        append_time=True,
        summary="runs that a rollout assigned, their outcomes and scores, and its control",
    ),
    Topic(
        DEPLOYMENT_DECISIONS,
        key="organisation:prompt:environment",
        model=DeploymentDecided,
        writers=("deployments",),
        readers=("worker", "rollouts"),
        cleanup="compact",
        retention_ms=0,
        summary="the newest decision over a rollout, with its numbers",
    ),
    Topic(
        QUALITY_SCORES,
        key="organisation:prompt",
        model=AnswerScored | KeyReleased,
        writers=("scores", "worker"),
        readers=("quality", "analytics"),
        retention_ms=30 * DAY_MS,
        append_time=True,
        summary="scores of live answers, which series of quality are made of",
    ),
    Topic(
        ADMISSIONS,
        key="organisation",
        model=AdmissionEvent | KeyReleased,
        writers=("orchestrator", "api", "admission"),
        readers=("admission",),
        retention_ms=30 * DAY_MS,
        append_time=True,
        partitions=ONE_ORDER,
        summary="runs that request admission and release their slot, and the limits; one order over all of them",
    ),
    Topic(
        TRACE_SPANS,
        key="trace id",
        model=TraceSpans,
        writers=("worker", "leases", "api", "orchestrator"),
        readers=("analytics", "otlp-export"),
        summary="the spans of one attempt or run, and those of other programs",
    ),
    Topic(
        DEFINITIONS,
        key="kind:organisation:id:version",
        model=Definition,
        writers=("api",),
        readers=("worker", "leases"),
        cleanup="compact",
        retention_ms=0,
        summary="versions of workflows, prompts, budgets and organisations",
    ),
    Topic(
        AUDIT_EVENTS,
        key="organisation",
        model=AuditEvent,
        writers=("worker", "leases", "api", "orchestrator", "scores", "retention"),
        readers=("audit",),
        retention_ms=365 * DAY_MS,
        append_time=True,
        summary="decisions of policies, denials, acts of administrators, use of keys",
    ),
    Topic(
        WORKFLOW_EVENTS,
        key="what the event is about",
        model=RunNotice | BudgetThreshold | RolloutEvent | QualityDrifted | AuditCheckpoint,
        writers=("events", "budgets", "deployments", "quality", "audit"),
        readers=("webhooks", "bridge", "any system"),
        family=True,
        open_part="org",
        dead_letters=False,
        summary="CloudEvents that say what happened; the topic names the organisation",
    ),
    *(
        Topic(
            checkpoint_topic(table),
            key="state key",
            writers=(owner,),
            readers=(owner,),
            cleanup="compact",
            retention_ms=0,
            dead_letters=False,
            partitions=partitions,
            summary=f"entries of the table {table} as of an input offset",
            extra_config=_CHECKPOINT_CONFIG,
        )
        for table, owner, partitions in (
            (TABLE_RUNS, "orchestrator", None),
            (TABLE_BUDGETS, "budgets", None),
            (TABLE_ADMISSIONS, "admission", ONE_ORDER),
            (TABLE_ROUTES, "routes", None),
            (TABLE_DEPLOYMENTS, "deployments", None),
            (TABLE_QUALITY, "quality", None),
        )
    ),
)

#: Dead letters of triggers: records of topics that belong to other systems. They have no topic of ours to return to.
TRIGGERS_DLQ = f"topic-triggers{DLQ_SUFFIX}"
#: Names and families that belong to AgentFlow: nobody reads them by a trigger, or writes them by a tool.
OWN_TOPICS = frozenset(topic.name for topic in CATALOGUE) | {"topic-triggers"}
_BY_NAME = {topic.name: topic for topic in CATALOGUE}
_BY_FAMILY = {topic.name: topic for topic in CATALOGUE if topic.family}
_FAMILIES = tuple(_BY_FAMILY.values())


def submissions_topic(org_id: str) -> str:
    """Return the topic on which an organisation's other systems submit runs."""
    if not re.fullmatch(SEGMENT_PATTERN, org_id) or f".{org_id}" == DLQ_SUFFIX:
        raise ValueError(
            f"organisation id {org_id!r} cannot name a topic; use letters, digits, '-' and '_', and not 'dlq'"
        )
    return f"{SUBMISSIONS}.{org_id}"


def events_topic(org_id: str) -> str:
    """Return the topic on which an organisation's other systems read what happened."""
    return f"{WORKFLOW_EVENTS}.{org_id}"


def organisation_of(topic: str) -> str:
    """Return the organisation that a submissions topic belongs to."""
    return topic.removeprefix(f"{SUBMISSIONS}.")


def lane(name: str) -> str:
    """Return the topic of the step requests of a tier, or of a queue by its whole name (``schemas.queues``)."""
    return f"{STEP_REQUESTS}.{name}"


def queue_topics(queues: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the topics of queues, by name with their configuration. Raises ``ValueError`` for an invalid name."""
    for queue in queues:
        if not re.fullmatch(QUEUE_PATTERN, queue) or queue.rpartition(".")[2] in _NO_QUEUES:
            raise ValueError(
                f"{queue!r} cannot name a queue; use up to 48 of a-z, 0-9, '-' and '_', and not a quality; before it "
                "may stand an organisation with a dot"
            )
    return {lane(queue): _BY_FAMILY[STEP_REQUESTS].config() for queue in queues}


def is_queue(topic: str) -> bool:
    """Return true if a topic is a queue's."""
    return topic.startswith(f"{STEP_REQUESTS}.") and topic not in _BY_NAME and not topic.endswith(DLQ_SUFFIX)


def dlq(topic: str) -> str:
    """Return a topic's dead-letter topic. All organisations' submissions share one."""
    return f"{declared(topic).name}{DLQ_SUFFIX}"


def declared(name: str) -> Topic:
    """Return the declaration of a topic by its real name. Raises ``KeyError`` for an undeclared topic."""
    found = _BY_NAME.get(name)
    if found is not None:
        return found
    for family in _FAMILIES:
        if re.fullmatch(rf"{re.escape(family.name)}\.({family.part_pattern})", name):
            return family
    raise KeyError(f"{name!r} is not in the catalogue of topics; see `python -m topics describe`")


def takes_tombstones(name: str) -> bool:
    """Return whether a record without a value takes back its key in this topic. Foreign topics take none."""
    found = _BY_NAME.get(name)
    return found is not None and found.cleanup == "compact"


def partitions_of(name: str, default: int) -> int:
    """Return the partition count of a topic in a deployment whose topics have ``default``."""
    topic = _BY_NAME.get(name)
    return default if topic is None or topic.partitions is None else topic.partitions


def grows(name: str) -> bool:
    """Return true for a topic that may get more partitions: events, views, requests and checkpoints of runs."""
    lanes = name.startswith(f"{STEP_REQUESTS}.") and not name.endswith(DLQ_SUFFIX)
    return name in OF_RUNS or name == checkpoint_topic(TABLE_RUNS) or lanes


def wanted(organisations: Iterable[str] = (), queues: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """Return every topic that should exist, by name with its configuration; families for these names."""
    topics = {t.name: t.config() for t in CATALOGUE if not t.family}
    for org in organisations:
        topics[submissions_topic(org)] = _BY_NAME[SUBMISSIONS].config()
        topics[events_topic(org)] = _BY_NAME[WORKFLOW_EVENTS].config()
    topics |= queue_topics(queues)
    for t in CATALOGUE:
        if t.dead_letters:
            topics[f"{t.name}{DLQ_SUFFIX}"] = _dlq_config()
    topics[TRIGGERS_DLQ] = _dlq_config()
    return topics


def _dlq_config() -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(90 * DAY_MS),
        "max.message.bytes": str(DLQ_MAX_MESSAGE_BYTES),
        "message.timestamp.type": "LogAppendTime",
    }
