"""Every role, by name, in the order in which they are listed."""

from collections.abc import Mapping

from streams.process.spec import RoleSpec
from streams.roles import (
    admission,
    analytics,
    batches,
    budgets,
    deployments,
    history,
    ingress,
    live,
    orchestrator,
    routes,
    scheduler,
    scores,
)
from streams.roles.leases import role as leases
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
    history.SPEC,
    analytics.SPEC,
    scheduler.SPEC,
    batches.SPEC,
    scores.SPEC,
    live.SPEC,
)

ROLES: Mapping[str, RoleSpec] = {spec.name: spec for spec in _SPECS}
