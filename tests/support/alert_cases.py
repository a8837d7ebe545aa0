"""Series on which each alert fires, and others, as near as sensible, on which it stays silent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = Mapping[str, str]
#: One sample a minute, in promtool's notation: ``0+6x60`` begins at 0 and rises by 6, sixty times.
RUNS = 'workflow_runs_total{{workflow="{workflow}",status="{status}",instance="{instance}"}}'


@dataclass(frozen=True)
class Case:
    """An alert after ``minutes``: with ``fires`` it is there and has these labels, with ``silent`` it is not."""

    alert: str
    minutes: int
    fires: Series
    silent: Series
    labels: Mapping[str, str] = field(default_factory=dict)


def _runs(failed: str, succeeded: str, instance: str = "a") -> dict[str, str]:
    return {
        RUNS.format(workflow="w", status=status, instance=instance): values
        for status, values in (("failed", failed), ("succeeded", succeeded))
    }


def _duration(slow: str, every: str) -> dict[str, str]:
    labels = 'workflow="w",instance="a"'
    return {
        f'workflow_duration_seconds_bucket{{{labels},le="60.0"}}': slow,
        f'workflow_duration_seconds_bucket{{{labels},le="+Inf"}}': every,
        f"workflow_duration_seconds_count{{{labels}}}": every,
    }


def _one(metric: str, labels: str, fires: str, silent: str) -> tuple[Series, Series]:
    series = f"{metric}{{{labels}}}" if labels else metric
    return {series: fires}, {series: silent}


def _budget(used: str) -> dict[str, str]:
    labels = 'budget="b",scope="org",instance="a"'
    return {
        f"agentflow_api_budget_used_ratio{{{labels}}}": used,
        f"agentflow_api_budget_window_seconds{{{labels}}}": "86400x120",
    }


def _backup(cut: str) -> dict[str, str]:
    return {
        'agentflow_api_last_backup_timestamp_seconds{instance="a"}': cut,
        'agentflow_api_backup_max_age_seconds{instance="a"}': "3600x90",
    }


def _waits(below: str) -> dict[str, str]:
    labels = 'provider="p",tier="gold",instance="a"'
    name = "agentflow_worker_quota_wait_seconds_bucket"
    return {
        f'{name}{{{labels},le="15.0"}}': below,
        f'{name}{{{labels},le="60.0"}}': "0+60x60",
        f'{name}{{{labels},le="+Inf"}}': "0+60x60",
    }


def _pushes(failed: str, ok: str) -> dict[str, str]:
    name = "agentflow_live_cost_pushes_total"
    return {f'{name}{{outcome="failed"}}': failed, f'{name}{{outcome="ok"}}': ok}


BUDGET = {"budget": "b", "scope": "org"}
CASES = (
    # 12% against 8%; the second process of the API shows the same counters, and is not a second failure.
    Case(
        "HighErrorRate", 20, _runs("0+12x60", "0+88x60") | _runs("0+12x60", "0+88x60", "b"), _runs("0+8x60", "0+92x60")
    ),
    # 200 cents a minute are 120 dollars an hour, 150 are 90.
    Case("HighCost", 70, *_one("workflow_cost_cents_sum", 'workflow="w",instance="a"', "0+200x90", "0+150x90")),
    Case("AvailabilityBurnFast", 70, _runs("0+15x90", "0+85x90"), _runs("0+15x60 900x30", "0+85x90")),
    Case("AvailabilityBurnSlow", 400, _runs("0+7x420", "0+93x420"), _runs("0+5x420", "0+95x420")),
    Case("LatencyBurn", 80, _duration("0+60x90", "0+100x90"), _duration("0+80x90", "0+100x90")),
    # An hour at 0.5% of the limit a minute is 30%, seven times the pace of a day's window; 0.4% a minute is below six.
    Case("MoneyBurn", 80, _budget("0+0.005x120"), _budget("0+0.004x120"), BUDGET),
    Case("BudgetNearlySpent", 10, _budget("0.9x60"), _budget("0.89x60"), BUDGET),
    Case(
        "ConsumerLag",
        20,
        {
            'agentflow_role_lag_records{role="worker",topic="t",partition="0"}': "6000x60",
            'agentflow_role_lag_records{role="worker",topic="t",partition="1"}': "6000x60",
        },
        {'agentflow_role_lag_records{role="worker",topic="t",partition="0"}': "9000x60"},
        {"role": "worker", "topic": "t"},
    ),
    Case(
        "AuditBehind",
        10,
        {
            'agentflow_role_lag_records{role="audit",topic="audit-events",partition="0"}': "300x60",
            'agentflow_role_lag_records{role="audit",topic="audit-events",partition="1"}': "300x60",
        },
        {
            'agentflow_role_lag_records{role="audit",topic="audit-events",partition="0"}': "400x60",
            'agentflow_role_lag_records{role="history",topic="run-views",partition="0"}': "9000x60",
        },
        {"role": "audit", "topic": "audit-events"},
    ),
    Case(
        "PartitionStalled",
        10,
        *_one(
            "agentflow_role_stall_seconds", 'role="orchestrator",topic="run-events",partition="3"', "0+60x60", "50x60"
        ),
        {"role": "orchestrator", "topic": "run-events", "partition": "3"},
    ),
    # The first one is a series that begins.
    Case(
        "DeadLetters",
        30,
        *_one("agentflow_role_dead_letters_total", 'role="history",reason="no_record"', "_x25 1x20", "1x60"),
        {"reason": "no_record"},
    ),
    Case(
        "KeysQuarantined",
        10,
        *_one("agentflow_role_quarantined_keys", 'role="orchestrator",instance="a"', "1x60", "0x60"),
        {"role": "orchestrator"},
    ),
    Case("QuotaWaits", 20, _waits("0+50x60"), _waits("0+55x60"), {"provider": "p"}),
    Case(
        "CircuitOpen",
        10,
        *_one("agentflow_api_open_circuits", 'provider="p",model="m",instance="a"', "1x60", "0x60"),
        {"provider": "p", "model": "m"},
    ),
    Case(
        "ProviderErrors",
        20,
        {
            'provider_requests_total{provider="p",model="m",outcome="ok"}': "0+70x60",
            'provider_requests_total{provider="p",model="m",outcome="timeout"}': "0+30x60",
        },
        {
            'provider_requests_total{provider="p",model="m",outcome="ok"}': "0+90x60",
            'provider_requests_total{provider="p",model="m",outcome="timeout"}': "0+10x60",
        },
        {"provider": "p"},
    ),
    Case(
        "CheckpointTooOld",
        20,
        *_one("agentflow_role_checkpoint_age_seconds", 'role="budgets",partition="1"', "0+60x60", "30x60"),
        {"role": "budgets", "partition": "1"},
    ),
    # One push in five minutes that is taken is enough.
    Case(
        "LiveCostNotPushed",
        20,
        _pushes("0+3x60", "0x60"),
        _pushes("0+3x60", "0+1x60"),
    ),
    Case(
        "CanaryRolledBack",
        30,
        *_one("agentflow_deployments_decisions_total", 'decision="rolled_back",instance="a"', "0x20 1x30", "1x60"),
        {"decision": "rolled_back"},
    ),
    Case(
        "QualityChanged",
        30,
        *_one("agentflow_quality_scores_total", 'effect="drifted",instance="a"', "0x20 1x30", "1x60"),
        {"effect": "drifted"},
    ),
    Case(
        "ModelDiverged",
        30,
        *_one("agentflow_quality_scores_total", 'effect="diverged",instance="a"', "0x20 1x30", "1x60"),
        {"effect": "diverged"},
    ),
    # An hour is allowed, and promtool's clock begins at 0.
    Case("BackupTooOld", 75, _backup("0x90"), _backup("0+60x90")),
    # promtool's clock begins at 0: 13 days and 15 days from it.
    Case(
        "CertificateExpires",
        120,
        *_one(
            "agentflow_api_certificate_expiry_timestamp_seconds", 'file="/tls/crt.pem"', "1123200x200", "1296000x200"
        ),
        {"file": "/tls/crt.pem"},
    ),
    Case(
        "DependencyWaits",
        10,
        *_one("agentflow_role_dependency_waiting_seconds", 'dependency="redis"', "0+60x60", "5x60"),
        {"dependency": "redis"},
    ),
    Case(
        "RoleNotReady",
        10,
        *_one("agentflow_role_ready", 'instance="a",job="agentflow-roles"', "0x60", "1x60"),
        {"instance": "a", "job": "agentflow-roles"},
    ),
    Case(
        "TargetDown",
        10,
        *_one("up", 'instance="a",job="agentflow-api"', "0x60", "1x60"),
        {"instance": "a", "job": "agentflow-api"},
    ),
    # One process of the API that reads them is enough.
    Case(
        "CountersUnreadable",
        10,
        {'agentflow_api_role_counters_up{instance="a"}': "0x60"},
        {
            'agentflow_api_role_counters_up{instance="a"}': "0x60",
            'agentflow_api_role_counters_up{instance="b"}': "1x60",
        },
    ),
    Case(
        "CompensationFailed",
        30,
        *_one(
            "agentflow_orchestrator_compensation_failures_total",
            'workflow="w",node="refund",instance="a"',
            "_x25 1x20",
            "1x90",
        ),
        {"workflow": "w", "node": "refund"},
    ),
    Case(
        "WorkerStuck",
        45,
        *_one("agentflow_worker_oldest_unacked_seconds", 'instance="a"', "0+60x60", "900x60"),
        {"instance": "a"},
    ),
)
