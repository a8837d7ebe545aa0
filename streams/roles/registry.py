"""Every role, by name, in the order in which they are listed."""

from collections.abc import Mapping

from streams.process.spec import RoleSpec
from streams.roles import (
    admission,
    audit,
    batches,
    budgets,
    deployments,
    ingress,
    orchestrator,
    quality,
    retention,
    rollouts,
    routes,
    scheduler,
    scores,
    traces,
    webhooks,
)
from streams.roles.bridge import role as bridge
from streams.roles.leases import role as leases
from streams.roles.sinks import analytics, events, history, live, live_cost, otlp_export
from streams.roles.triggers import role as triggers
from streams.roles.worker import role as worker

_SPECS = (
    ingress.SPEC,
    orchestrator.SPEC,
    worker.SPEC,
    leases.SPEC,
    budgets.SPEC,
    admission.SPEC,
    routes.SPEC,
    deployments.SPEC,
    quality.SPEC,
    audit.SPEC,
    rollouts.SPEC,
    history.SPEC,
    analytics.SPEC,
    scheduler.SPEC,
    batches.SPEC,
    scores.SPEC,
    traces.SPEC,
    retention.SPEC,
    live.SPEC,
    events.SPEC,
    webhooks.SPEC,
    otlp_export.SPEC,
    live_cost.SPEC,
    bridge.SPEC,
    triggers.SPEC,
)

ROLES: Mapping[str, RoleSpec] = {spec.name: spec for spec in _SPECS}
