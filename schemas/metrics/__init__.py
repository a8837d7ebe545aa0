"""Every metric, declared once: name, kind, help, labels, buckets.

Names are ``agentflow_<role>_<what>_<unit>``; ``role`` stands for any role's process. The six metrics that the guide
names are as it names them. A unit is a base unit, ``total`` of a counter, or the noun that is counted; ``ready`` and
``up`` are 1 or 0, and ``status`` is 1 for the value in its label.

Metrics in ``STORED`` are counted in a fenced commit or by workers, and kept as fields of a Redis hash. A field is
``metric|label=value|label2=value2``, values percent-encoded. A histogram has ``metric_bucket|…|le=0.5``,
``metric_sum|…`` and ``metric_count|…``; one observation adds to the smallest bucket that holds it and to no other, so a
reader sums the buckets up. The API shows all of them on ``/metrics``. Metrics in ``SERVED`` are of one process.

What labels mean, which values they have and how many there may be is in ``schemas.metrics.labels``; the page
``docs/reference/metrics.md`` is written from both by ``python -m deploy.prometheus``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: Runs last from a few milliseconds (functions only) to hours (people, or slow models).
_RUN_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
#: A small local model costs thousandths of a cent; a long chain on a large model some dollars.
_CENTS = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0, 10000.0)
#: A resumed partition takes some milliseconds, a restore from the start of a long log up to many minutes.
_TAKEOVER_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
#: From a cached read to the longest wait for a dependency.
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
#: Seconds are pushed as they end; a target that was down gets what waited.
_PUSH_SECONDS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 60.0)
#: A policy of a few rules takes some ten microseconds; one of hundreds, or with long lists, milliseconds.
_DECISION_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1)
#: From a moment's wait for a token bucket to a window of a day.
_WAIT_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0)


@dataclass(frozen=True)
class Metric:
    """One metric. ``buckets`` are the upper bounds of a histogram, rising, without +Inf."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


WORKFLOW_RUNS_TOTAL = "workflow_runs_total"
WORKFLOW_DURATION_SECONDS = "workflow_duration_seconds"
WORKFLOW_COST_CENTS = "workflow_cost_cents"
STEP_RETRIES_TOTAL = "step_retries_total"
CACHE_HITS_TOTAL = "cache_hits_total"
CACHE_MISSES_TOTAL = "agentflow_worker_cache_misses_total"
CACHE_SAVED_NANODOLLARS_TOTAL = "agentflow_worker_cache_saved_nanodollars_total"
PROVIDER_REQUESTS_TOTAL = "provider_requests_total"
STATED_COSTS_TOTAL = "agentflow_worker_stated_costs_total"
STATED_COST_DIFFERENCE_TOTAL = "agentflow_worker_stated_cost_difference_nanodollars_total"
STEP_SLA_MISSES_TOTAL = "agentflow_orchestrator_sla_misses_total"
COMPENSATION_FAILURES_TOTAL = "agentflow_orchestrator_compensation_failures_total"
LATE_EVENTS_TOTAL = "agentflow_orchestrator_late_events_total"
SUBMISSION_CONFLICTS_TOTAL = "agentflow_orchestrator_submission_conflicts_total"
ADMISSION_DELAY_SECONDS = "agentflow_admission_delay_seconds"
FLOW_DECISIONS_TOTAL = "agentflow_admission_flow_decisions_total"
COST_SETTLEMENTS_TOTAL = "agentflow_budgets_settlements_total"
ROUTE_OUTCOMES_TOTAL = "agentflow_routes_outcomes_total"
DEPLOYMENT_RECORDS_TOTAL = "agentflow_deployments_records_total"
QUALITY_SCORES_TOTAL = "agentflow_quality_scores_total"
DEPLOYMENT_DECISIONS_TOTAL = "agentflow_deployments_decisions_total"
PARTITION_STATUS = "agentflow_role_partition_status"
LAG_RECORDS = "agentflow_role_lag_records"
PAUSED_PARTITIONS = "agentflow_role_paused_partitions"
QUARANTINED_KEYS = "agentflow_role_quarantined_keys"
DEAD_LETTERS_TOTAL = "agentflow_role_dead_letters_total"
TAKEOVER_SECONDS = "agentflow_role_takeover_seconds"
CHECKPOINT_AGE_SECONDS = "agentflow_role_checkpoint_age_seconds"
CHECKPOINT_BYTES = "agentflow_role_checkpoint_bytes"
RESTORED_RECORDS = "agentflow_role_restored_records"
READY = "agentflow_role_ready"
DEPENDENCY_WAITING_SECONDS = "agentflow_role_dependency_waiting_seconds"
STALL_SECONDS = "agentflow_role_stall_seconds"
NETWORK_BYTES_TOTAL = "agentflow_role_network_bytes_total"
EVENT_LOOP_STALL_SECONDS = "agentflow_role_event_loop_stall_seconds"
ADMISSION_RUNS = "agentflow_admission_limited_runs"
SCHEDULER_SLOTS_TOTAL = "agentflow_scheduler_slots_total"
LIVE_SCORES_TOTAL = "agentflow_scores_given_total"
BATCHES_SENT_TOTAL = "agentflow_batches_sent_batches_total"
BATCHES_ENDED_CALLS_TOTAL = "agentflow_batches_ended_calls_total"
BATCHES_OPEN_CALLS = "agentflow_batches_open_calls"
BATCHES_OLDEST_OPEN_SECONDS = "agentflow_batches_oldest_open_seconds"
AUDIT_ENTRIES_TOTAL = "agentflow_audit_entries_total"
WEBHOOK_TRIES_TOTAL = "agentflow_webhooks_tries_total"
TRIGGER_RECORDS_TOTAL = "agentflow_triggers_records_total"
BRIDGE_MESSAGES_TOTAL = "agentflow_bridge_messages_total"
OTLP_SPANS_TOTAL = "agentflow_otlp_export_spans_total"
OTLP_REQUESTS_TOTAL = "agentflow_otlp_export_requests_total"
OTLP_LAG_RECORDS = "agentflow_otlp_export_lag_records"
LEASES_GIVEN_TOTAL = "agentflow_leases_given_total"
LEASES_ENDED_TOTAL = "agentflow_leases_ended_total"
LEASES_OPEN = "agentflow_leases_open_leases"
LEASES_WAITING_REQUESTS = "agentflow_leases_waiting_requests"
WORKER_ATTEMPTS_IN_FLIGHT = "agentflow_worker_in_flight_attempts"
WORKER_UNACKED_REQUESTS = "agentflow_worker_unacked_requests"
WORKER_OLDEST_UNACKED_SECONDS = "agentflow_worker_oldest_unacked_seconds"
WORKER_WATERMARK_SPAN = "agentflow_worker_watermark_span_records"
WORKER_ABANDONED_ATTEMPTS = "agentflow_worker_abandoned_attempts"
WORKER_ATTEMPTS_TOTAL = "agentflow_worker_attempts_total"
WORKER_CHAINED_ATTEMPTS_TOTAL = "agentflow_worker_chained_attempts_total"
WORKER_REFERENCE_CALLS_TOTAL = "agentflow_worker_reference_calls_total"
WORKER_POLICY_DECISIONS_TOTAL = "agentflow_worker_policy_decisions_total"
WORKER_POLICY_SECONDS = "agentflow_worker_policy_seconds"
WORKER_PRIVACY_FINDINGS_TOTAL = "agentflow_worker_privacy_findings_total"
WORKER_PRIVACY_REFUSALS_TOTAL = "agentflow_worker_privacy_refusals_total"
WORKER_PRIVACY_SECONDS = "agentflow_worker_privacy_seconds"
WORKER_LEASE_ANSWERS_TOTAL = "agentflow_worker_lease_answers_total"
WORKER_DEAD_LETTERS_TOTAL = "agentflow_worker_dead_letters_total"
WORKER_QUOTA_WAIT_SECONDS = "agentflow_worker_quota_wait_seconds"
WORKER_PAUSES_TOTAL = "agentflow_worker_newer_major_pauses_total"
LIVE_COST_SETTLED_TOTAL = "agentflow_live_cost_settled_nanodollars_total"
LIVE_COST_HELD = "agentflow_live_cost_held_nanodollars"
LIVE_COST_PUSHES_TOTAL = "agentflow_live_cost_pushes_total"
LIVE_COST_DROPPED_TOTAL = "agentflow_live_cost_dropped_lines_total"
LIVE_COST_LAG_SECONDS = "agentflow_live_cost_lag_seconds"
API_REQUESTS_TOTAL = "agentflow_api_requests_total"
API_REQUEST_SECONDS = "agentflow_api_request_seconds"
API_SUBMISSIONS_IN_FLIGHT = "agentflow_api_in_flight_submissions"
API_EVENT_STREAMS = "agentflow_api_open_event_streams"
API_ROLE_COUNTERS_UP = "agentflow_api_role_counters_up"
API_UNCOUNTED_REQUESTS_TOTAL = "agentflow_api_uncounted_requests_total"
API_OPEN_CIRCUITS = "agentflow_api_open_circuits"
API_BUDGET_USED_RATIO = "agentflow_api_budget_used_ratio"
API_BUDGET_WINDOW_SECONDS = "agentflow_api_budget_window_seconds"
API_BUDGETS_UP = "agentflow_api_budgets_up"
API_CERTIFICATE_EXPIRY = "agentflow_api_certificate_expiry_timestamp_seconds"
API_LAST_BACKUP = "agentflow_api_last_backup_timestamp_seconds"
API_BACKUP_MAX_AGE = "agentflow_api_backup_max_age_seconds"

_SPENDER = ("org", "workflow", "provider", "model")
_STORED = (
    Metric(WORKFLOW_RUNS_TOTAL, "counter", "Finished runs by status.", ("workflow", "status")),
    Metric(
        WORKFLOW_DURATION_SECONDS, "histogram", "Time from submission to the end of a run.", ("workflow",), _RUN_SECONDS
    ),
    Metric(WORKFLOW_COST_CENTS, "histogram", "Cost of a finished run in US cents.", ("workflow",), _CENTS),
    Metric(STEP_RETRIES_TOTAL, "counter", "Attempts after the first attempt of a step.", ("workflow", "node")),
    Metric(CACHE_HITS_TOTAL, "counter", "Model calls answered from the response cache.", ("provider", "model")),
    Metric(CACHE_MISSES_TOTAL, "counter", "Model calls that found no cached answer.", ("provider", "model")),
    Metric(
        CACHE_SAVED_NANODOLLARS_TOTAL,
        "counter",
        "Cost of the calls whose answers were used again, in nano-dollars.",
        ("provider", "model"),
    ),
    Metric(PROVIDER_REQUESTS_TOTAL, "counter", "Requests to providers by outcome.", ("provider", "model", "outcome")),
    Metric(STATED_COSTS_TOTAL, "counter", "Costs that providers stated, by what was booked.", ("provider", "booked")),
    Metric(
        STATED_COST_DIFFERENCE_TOTAL,
        "counter",
        "Differences of stated to computed costs, in nano-dollars.",
        ("provider", "direction"),
    ),
    Metric(STEP_SLA_MISSES_TOTAL, "counter", "Steps that took longer than their sla_ms.", ("workflow", "node")),
    Metric(COMPENSATION_FAILURES_TOTAL, "counter", "Compensating steps that failed permanently.", ("workflow", "node")),
    Metric(LATE_EVENTS_TOTAL, "counter", "Events that arrived when nothing waited for them any more.", ("reason",)),
    Metric(SUBMISSION_CONFLICTS_TOTAL, "counter", "Submissions in the log that reuse an id with another body."),
    Metric(
        ADMISSION_DELAY_SECONDS,
        "histogram",
        "Time that a run was queued before its admission.",
        ("workflow",),
        _RUN_SECONDS,
    ),
    Metric(
        FLOW_DECISIONS_TOTAL, "counter", "Runs that flow control delayed or ended, by what it decided.", ("decision",)
    ),
    Metric(COST_SETTLEMENTS_TOTAL, "counter", "Settlements of calls by kind and effect.", ("kind", "effect")),
    Metric(ROUTE_OUTCOMES_TOTAL, "counter", "Outcomes and scores of learned routes by effect.", ("effect",)),
    Metric(DEPLOYMENT_RECORDS_TOTAL, "counter", "Records of rollouts of prompts by effect.", ("effect",)),
    Metric(
        QUALITY_SCORES_TOTAL,
        "counter",
        "Scores of live answers in series, and changes of series, by effect.",
        ("effect",),
    ),
    Metric(DEPLOYMENT_DECISIONS_TOTAL, "counter", "Decisions about rollouts of prompts.", ("decision",)),
)
_SERVED = (
    Metric(
        PARTITION_STATUS, "gauge", "1 for the current status of an owned partition.", ("role", "partition", "status")
    ),
    Metric(LAG_RECORDS, "gauge", "Records that are not processed yet.", ("role", "topic", "partition")),
    Metric(PAUSED_PARTITIONS, "gauge", "Partitions that wait for an upgrade of the role.", ("role",)),
    Metric(QUARANTINED_KEYS, "gauge", "Keys that are quarantined because their fold failed.", ("role",)),
    Metric(DEAD_LETTERS_TOTAL, "counter", "Dead-lettered records by reason.", ("role", "reason")),
    Metric(
        TAKEOVER_SECONDS,
        "histogram",
        "Time from the assignment of a partition until it is ready, resumed or restored from the log.",
        ("role", "how"),
        _TAKEOVER_SECONDS,
    ),
    Metric(
        CHECKPOINT_AGE_SECONDS,
        "gauge",
        "Age of the newest checkpoint if the table has changed since, else 0.",
        ("role", "partition"),
    ),
    Metric(CHECKPOINT_BYTES, "gauge", "Size of the last checkpoint that this owner wrote.", ("role", "partition")),
    Metric(
        RESTORED_RECORDS,
        "gauge",
        "Records of checkpoint and log from which the partition was restored.",
        ("role", "partition"),
    ),
    Metric(READY, "gauge", "1 while every role of the process makes progress, else 0."),
    Metric(
        DEPENDENCY_WAITING_SECONDS,
        "gauge",
        "Time since a dependency last answered, 0 while it answers.",
        ("dependency",),
    ),
    Metric(
        STALL_SECONDS,
        "gauge",
        "Time that a partition has made no progress with records to process.",
        ("role", "topic", "partition"),
    ),
    Metric(NETWORK_BYTES_TOTAL, "counter", "Bytes over the network of the container or machine.", ("direction",)),
    Metric(EVENT_LOOP_STALL_SECONDS, "gauge", "Seconds since the event loop last ran."),
    Metric(ADMISSION_RUNS, "gauge", "Runs that are subject to limits, of all organisations, by state.", ("state",)),
    Metric(
        SCHEDULER_SLOTS_TOTAL,
        "counter",
        "Slots of schedules by outcome: started, queued, skipped, missed, refused, backfilled.",
        ("outcome",),
    ),
    Metric(LIVE_SCORES_TOTAL, "counter", "Scores of live answers: scored, failed, asked, hidden, gone.", ("outcome",)),
    Metric(BATCHES_SENT_TOTAL, "counter", "Batches that a provider has taken.", ("provider",)),
    Metric(
        BATCHES_ENDED_CALLS_TOTAL,
        "counter",
        "Calls by batch that ended, by outcome: answered, failed, expired, canceled.",
        ("outcome",),
    ),
    Metric(
        BATCHES_OPEN_CALLS, "gauge", "Calls by batch that have not ended, of all organisations, by state.", ("state",)
    ),
    Metric(BATCHES_OLDEST_OPEN_SECONDS, "gauge", "Age of the oldest call by batch that has not ended, 0 without any."),
    Metric(
        OTLP_SPANS_TOTAL,
        "counter",
        "Spans by target and outcome: sent, rejected by a partial success, refused, or filtered.",
        ("target", "outcome"),
    ),
    Metric(
        OTLP_REQUESTS_TOTAL,
        "counter",
        "Requests by target and outcome: taken, partial, refused, or to be retried.",
        ("target", "outcome"),
    ),
    Metric(WEBHOOK_TRIES_TOTAL, "counter", "Requests to webhooks by outcome.", ("outcome",)),
    Metric(TRIGGER_RECORDS_TOTAL, "counter", "Records of topics with triggers by outcome.", ("outcome",)),
    Metric(BRIDGE_MESSAGES_TOTAL, "counter", "Messages of JetStream by outcome.", ("outcome",)),
    Metric(AUDIT_ENTRIES_TOTAL, "counter", "Audit events by effect.", ("effect",)),
    Metric(OTLP_LAG_RECORDS, "gauge", "Records of spans that a target does not have yet.", ("target",)),
    Metric(LEASES_GIVEN_TOTAL, "counter", "Leases that users' own workers got.", ("topic",)),
    Metric(
        LEASES_ENDED_TOTAL,
        "counter",
        "Leases that ended, with a recorded outcome or returned to the queue.",
        ("topic", "how"),
    ),
    Metric(LEASES_OPEN, "gauge", "Leases that workers have from this process.", ("topic",)),
    Metric(LEASES_WAITING_REQUESTS, "gauge", "Requests for leases that wait for a step.", ("topic",)),
    Metric(WORKER_ATTEMPTS_IN_FLIGHT, "gauge", "Attempts in progress."),
    Metric(WORKER_UNACKED_REQUESTS, "gauge", "Requests that are read and not acknowledged yet."),
    Metric(WORKER_OLDEST_UNACKED_SECONDS, "gauge", "Age of the oldest request that holds back its partition's offset."),
    Metric(WORKER_WATERMARK_SPAN, "gauge", "Requests from the oldest unacknowledged one of a partition to its last."),
    Metric(WORKER_ABANDONED_ATTEMPTS, "gauge", "Calls that were given up and still run in this process."),
    Metric(WORKER_ATTEMPTS_TOTAL, "counter", "Finished attempts by kind and outcome.", ("kind", "outcome")),
    Metric(WORKER_CHAINED_ATTEMPTS_TOTAL, "counter", "Attempts that were started without a request in the log."),
    Metric(
        WORKER_REFERENCE_CALLS_TOTAL,
        "counter",
        "Answers that were chosen to be compared with a reference's, by what became of it.",
        ("outcome",),
    ),
    Metric(
        WORKER_POLICY_DECISIONS_TOTAL,
        "counter",
        "Decisions of policies by point, verdict and whether they were enforced.",
        ("point", "verdict", "enforced"),
    ),
    Metric(
        WORKER_POLICY_SECONDS, "histogram", "How long policies take to decide on an attempt.", (), _DECISION_SECONDS
    ),
    Metric(
        WORKER_PRIVACY_FINDINGS_TOTAL,
        "counter",
        "What detectors found in values of attempts, by kind and what became of it.",
        ("kind", "effect"),
    ),
    Metric(WORKER_PRIVACY_REFUSALS_TOTAL, "counter", "Values that were not let pass, by code.", ("reason",)),
    Metric(
        WORKER_PRIVACY_SECONDS,
        "histogram",
        "How long it takes to search a value and redact it.",
        (),
        _DECISION_SECONDS,
    ),
    Metric(WORKER_LEASE_ANSWERS_TOTAL, "counter", "Answers to requests for the lease of an attempt.", ("answer",)),
    Metric(WORKER_DEAD_LETTERS_TOTAL, "counter", "Dead-lettered requests by reason.", ("reason",)),
    Metric(
        WORKER_QUOTA_WAIT_SECONDS,
        "histogram",
        "How long a quota makes a call wait, each time that the call asks for room.",
        ("provider", "tier"),
        _WAIT_SECONDS,
    ),
    Metric(WORKER_PAUSES_TOTAL, "counter", "Partitions paused at a record of a newer major version."),
    Metric(LIVE_COST_SETTLED_TOTAL, "counter", "Money that calls cost, in nano-dollars.", _SPENDER),
    Metric(LIVE_COST_HELD, "gauge", "Money that is held for calls in flight, in nano-dollars.", _SPENDER),
    Metric(LIVE_COST_PUSHES_TOTAL, "counter", "Pushes to Grafana Live: ok, refused, failed.", ("outcome",)),
    Metric(LIVE_COST_DROPPED_TOTAL, "counter", "Lines that were dropped since Grafana did not take them."),
    Metric(LIVE_COST_LAG_SECONDS, "histogram", "Time from a settlement in the log to its push.", (), _PUSH_SECONDS),
    Metric(API_REQUESTS_TOTAL, "counter", "HTTP requests by route and status.", ("method", "route", "status")),
    Metric(API_REQUEST_SECONDS, "histogram", "Time to answer an HTTP request.", ("route",), _REQUEST_SECONDS),
    Metric(API_SUBMISSIONS_IN_FLIGHT, "gauge", "Submissions in flight."),
    Metric(API_EVENT_STREAMS, "gauge", "Open event streams."),
    Metric(API_ROLE_COUNTERS_UP, "gauge", "1 if the counters of the roles could be read, else 0."),
    Metric(API_UNCOUNTED_REQUESTS_TOTAL, "counter", "Requests of keys with a rate limit that Redis could not count."),
    Metric(
        API_OPEN_CIRCUITS, "gauge", "1 while the circuit of a model's route is open, else 0.", ("provider", "model")
    ),
    Metric(
        API_BUDGET_USED_RATIO,
        "gauge",
        "Share of a budget's limit that its window has spent.",
        ("budget", "scope"),
    ),
    Metric(API_BUDGET_WINDOW_SECONDS, "gauge", "Length of a budget's present window.", ("budget", "scope")),
    Metric(API_BUDGETS_UP, "gauge", "1 if the budgets could be read, else 0."),
    Metric(API_LAST_BACKUP, "gauge", "When the last good backup was cut, in seconds since 1970; 0 if none is known."),
    Metric(API_BACKUP_MAX_AGE, "gauge", "How old the last backup may be, in seconds."),
    Metric(API_CERTIFICATE_EXPIRY, "gauge", "When a watched certificate ends, in seconds since 1970.", ("file",)),
)

STORED: Mapping[str, Metric] = {metric.name: metric for metric in _STORED}
SERVED: Mapping[str, Metric] = {metric.name: metric for metric in _SERVED}

WORKERS_COUNTERS_KEY = "{workers}:counters"
"""The Redis hash of what workers count outside of a partition's commit."""
