"""Every router, in the order in which paths are matched."""

from api.routers import (
    access,
    budgets,
    bulk,
    health,
    limits,
    objects,
    prompts,
    restarts,
    routes,
    run_steps,
    runs,
    schedules,
    signals,
    submit,
    tools,
    waiting,
    workers,
    workflows,
)

ROUTERS = (
    # Runs first: otherwise their path would be read as a workflow of that name.
    submit.router,
    runs.router,
    run_steps.router,
    bulk.router,
    restarts.router,
    signals.router,
    routes.router,
    waiting.router,
    workflows.router,
    schedules.router,
    prompts.router,
    tools.router,
    objects.router,
    budgets.router,
    limits.router,
    access.router,
    workers.router,
    health.router,
)
