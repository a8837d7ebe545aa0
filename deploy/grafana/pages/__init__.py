"""The dashboards, one module each; the first four have the guide's names."""

from collections.abc import Sequence

from deploy.grafana.model import Dashboard
from deploy.grafana.pages import costs, errors, live_cost, resources, workflows

DASHBOARDS: Sequence[Dashboard] = (
    workflows.DASHBOARD,
    costs.DASHBOARD,
    resources.DASHBOARD,
    errors.DASHBOARD,
    live_cost.DASHBOARD,
)
