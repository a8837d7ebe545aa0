"""Labels of metrics: what they mean, the values that they can have, and how many sets of values there may be.

A label is *closed*, with values that are written down here, or *open*: users choose its values. The API shows at most
``MOST_SETS`` sets of open values for each metric, and the rest of it under ``OTHER``. Every other label has as many
values as the deployment has parts: roles, partitions, dependencies, routes of the API.
"""

from collections.abc import Mapping
from typing import get_args

from schemas.metrics import (
    ADMISSION_RUNS,
    AUDIT_ENTRIES_TOTAL,
    BATCHES_ENDED_CALLS_TOTAL,
    BRIDGE_MESSAGES_TOTAL,
    COST_SETTLEMENTS_TOTAL,
    DEPLOYMENT_DECISIONS_TOTAL,
    DEPLOYMENT_RECORDS_TOTAL,
    FLOW_DECISIONS_TOTAL,
    LEASES_ENDED_TOTAL,
    LIVE_COST_PUSHES_TOTAL,
    LIVE_SCORES_TOTAL,
    NETWORK_BYTES_TOTAL,
    OTLP_REQUESTS_TOTAL,
    OTLP_SPANS_TOTAL,
    PROVIDER_REQUESTS_TOTAL,
    QUALITY_SCORES_TOTAL,
    ROUTE_OUTCOMES_TOTAL,
    SCHEDULER_SLOTS_TOTAL,
    STATED_COST_DIFFERENCE_TOTAL,
    STATED_COSTS_TOTAL,
    TAKEOVER_SECONDS,
    TRIGGER_RECORDS_TOTAL,
    WEBHOOK_TRIES_TOTAL,
    WORKER_POLICY_DECISIONS_TOTAL,
    WORKER_PRIVACY_FINDINGS_TOTAL,
    WORKER_PRIVACY_REFUSALS_TOTAL,
    WORKER_REFERENCE_CALLS_TOTAL,
    WORKFLOW_RUNS_TOTAL,
    Metric,
)
from schemas.privacy.kinds import KINDS
from schemas.records.money import CallOutcome
from schemas.records.security.pinned import Verdict
from schemas.rollouts.plan import Status
from schemas.run_states import RunEnd
from schemas.spec.flow import FLOW_ENDS

#: Each set of a histogram is about 18 series, so a metric has at most 9,000 by one API.
MOST_SETS = 500
OTHER = "other"

#: Labels whose values users choose.
OPEN = frozenset({"org", "workflow", "node", "provider", "model", "budget"})

#: Every label and what it says.
MEANINGS: Mapping[str, str] = {
    "answer": "the kind of answer",
    "booked": "which cost was booked",
    "budget": "id of the budget: the page of metrics needs no key, so it shows no names of customers",
    "decision": "what was decided",
    "dependency": "the engine: kafka, redis, postgres, clickhouse, nats, …",
    "direction": "whether a stated cost was above or below the computed one; in or out of the network",
    "effect": "what the record changed",
    "enforced": "whether the decision counted: not in shadow mode",
    "file": "path of the file",
    "how": "in which way",
    "kind": "kind of the work or of the settlement",
    "method": "method of the HTTP request",
    "model": "name of the model at its provider",
    "node": "id of the node in its workflow",
    "org": "id of the organisation",
    "outcome": "how it ended: `ok`, or what went wrong",
    "partition": "number of the partition",
    "point": "where a policy decided",
    "provider": "name of the provider",
    "reason": "why, as a short code",
    "role": "name of the role",
    "route": "path of the route with its parameters as names, `none` where there is no route",
    "scope": "scope of the budget",
    "state": "state of the work",
    "status": "end of a run, status of a partition, or status code of an answer",
    "target": "name of the target in the file of targets",
    "verdict": "what a policy said",
    "tier": "tier of the request: gold, silver or bronze",
    "topic": "name of the topic or of the queue",
    "workflow": "name of the workflow",
}

#: As ``schemas.privacy.document.Action``, which takes time to load.
_ACTIONS = ("keep", "drop", "mask", "hash", "token", "fake", "deny")

#: The values of labels that are closed, by metric and label.
CLOSED: Mapping[tuple[str, str], tuple[str, ...]] = {
    (WORKFLOW_RUNS_TOTAL, "status"): get_args(RunEnd),
    (PROVIDER_REQUESTS_TOTAL, "outcome"): get_args(CallOutcome),
    (STATED_COSTS_TOTAL, "booked"): ("provider", "computed", "refused"),
    (STATED_COST_DIFFERENCE_TOTAL, "direction"): ("over", "under"),
    (COST_SETTLEMENTS_TOTAL, "kind"): ("actual", "presumed"),
    (COST_SETTLEMENTS_TOTAL, "effect"): ("booked", "corrected", "repeated"),
    (AUDIT_ENTRIES_TOTAL, "effect"): ("chained", "repeated"),
    (QUALITY_SCORES_TOTAL, "effect"): ("counted", "repeated", "drifted", "diverged"),
    (ROUTE_OUTCOMES_TOTAL, "effect"): ("learned", "repeated", "rescored", "early"),
    (DEPLOYMENT_RECORDS_TOTAL, "effect"): ("assigned", "outcome", "scored", "repeated", "late", "other", "control"),
    (DEPLOYMENT_DECISIONS_TOTAL, "decision"): get_args(Status),
    (TAKEOVER_SECONDS, "how"): ("resumed", "restored"),
    (ADMISSION_RUNS, "state"): ("running", "waiting"),
    (FLOW_DECISIONS_TOTAL, "decision"): ("queued", *sorted(FLOW_ENDS)),
    (SCHEDULER_SLOTS_TOTAL, "outcome"): ("started", "queued", "skipped", "missed", "refused", "backfilled"),
    (LIVE_COST_PUSHES_TOTAL, "outcome"): ("ok", "refused", "failed"),
    (NETWORK_BYTES_TOTAL, "direction"): ("in", "out"),
    (LIVE_SCORES_TOTAL, "outcome"): ("scored", "failed", "asked", "hidden", "gone"),
    (BATCHES_ENDED_CALLS_TOTAL, "outcome"): ("answered", "failed", "expired", "canceled"),
    (OTLP_SPANS_TOTAL, "outcome"): ("sent", "rejected", "refused", "filtered"),
    (OTLP_REQUESTS_TOTAL, "outcome"): ("taken", "partial", "refused", "retried"),
    (WEBHOOK_TRIES_TOTAL, "outcome"): ("delivered", "again", "dead", "gone"),
    (TRIGGER_RECORDS_TOTAL, "outcome"): ("submitted", "filtered", "refused"),
    (BRIDGE_MESSAGES_TOTAL, "outcome"): ("taken", "refused", "published"),
    (LEASES_ENDED_TOTAL, "how"): ("recorded", "returned"),
    (WORKER_REFERENCE_CALLS_TOTAL, "outcome"): ("compared", "failed", "left_out"),
    (WORKER_POLICY_DECISIONS_TOTAL, "enforced"): ("false", "true"),
    (WORKER_POLICY_DECISIONS_TOTAL, "point"): ("tool_call", "model_call", "output"),
    (WORKER_POLICY_DECISIONS_TOTAL, "verdict"): get_args(Verdict),
    (WORKER_PRIVACY_FINDINGS_TOTAL, "kind"): (*KINDS, "own"),
    (WORKER_PRIVACY_FINDINGS_TOTAL, "effect"): (
        "keep",
        "drop",
        "mask",
        "hash",
        "token",
        "fake",
        "deny",
        "flag",
        "shadow",
    ),
    (WORKER_PRIVACY_REFUSALS_TOTAL, "reason"): ("privacy_failed", "privacy_refused"),
}


def open_labels(metric: Metric) -> tuple[str, ...]:
    """Return the labels of a metric whose values users choose, in their order."""
    return tuple(label for label in metric.labels if label in OPEN)
