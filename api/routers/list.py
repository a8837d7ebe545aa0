"""Every router, in the order in which paths are matched."""

from api.routers.access import audit, audit_retention, keys, organisations, projects, subjects, webhooks
from api.routers.access import policies as stored_policies
from api.routers.calls import batches, cache, credentials, quotas, routes
from api.routers.definitions import (
    datasets,
    evaluations,
    prompt_deployments,
    prompt_labels,
    prompt_quality,
    prompt_scoring,
    prompts,
    schedules,
    tools,
    workflows,
)
from api.routers.money import bills, budgets, optimizer, price_lists, prices, stops
from api.routers.runs import approvals, bulk, objects, restarts, run_steps, runs, signals, submit, waiting
from api.routers.system import admin, descriptions, health, limits, pages, queues, workers
from api.routers.traces import comparisons, otlp, outliers, policies, query, records, sessions, traces

ROUTERS = (
    # Runs first: otherwise their path would be read as a workflow of that name.
    submit.router,
    # Before one run: otherwise `waiting` would be the id of a run.
    waiting.router,
    runs.router,
    run_steps.router,
    bulk.router,
    restarts.router,
    signals.router,
    approvals.router,
    records.router,
    policies.router,
    routes.router,
    routes.evaluations,
    comparisons.router,
    traces.router,
    query.router,
    outliers.router,
    sessions.router,
    otlp.router,
    workflows.router,
    schedules.router,
    prompts.router,
    prompt_labels.router,
    prompt_scoring.router,
    prompt_quality.router,
    prompt_deployments.router,
    datasets.router,
    evaluations.router,
    tools.router,
    objects.router,
    budgets.router,
    stops.router,
    optimizer.router,
    limits.router,
    quotas.router,
    queues.router,
    batches.router,
    cache.router,
    keys.router,
    projects.router,
    stored_policies.router,
    subjects.router,
    organisations.router,
    credentials.router,
    audit.router,
    webhooks.router,
    audit_retention.router,
    bills.router,
    price_lists.router,
    prices.router,
    workers.router,
    admin.router,
    health.router,
    pages.router,
    descriptions.router,
)
