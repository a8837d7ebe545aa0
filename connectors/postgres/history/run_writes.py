"""Writes run views: one set-based upsert for runs and one for steps, the newest version wins.

Arrays go in, one per column, and are unnested; JSON goes in as text. Rows are sorted by key, so that two writers lock
them in one order.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from connectors.postgres.database import Database
from connectors.postgres.prompts.scoring import ScoredOrganisations
from schemas.ids import child_index
from schemas.records.run_views import RunView, StepView
from schemas.run_states import TERMINAL_RUN

_ENCODE = msgspec.json.Encoder().encode

_RUN_COLUMNS = (
    ("id", "text"),
    ("org_id", "text"),
    ("version", "bigint"),
    ("workflow_name", "text"),
    ("workflow_version", "integer"),
    ("status", "text"),
    ("source", "text"),
    ("submission_id", "text"),
    ("body_hash", "text"),
    ("spec_hash", "text"),
    ("inputs", "json"),
    ("tags", "jsonb"),
    ("budget_nano", "bigint"),
    ("input_tokens", "bigint"),
    ("output_tokens", "bigint"),
    ("cost_nano", "bigint"),
    ("output", "json"),
    ("output_in_steps", "text[]"),
    ("error", "json"),
    ("trace_id", "text"),
    ("created_at", "timestamptz"),
    ("started_at", "timestamptz"),
    ("finished_at", "timestamptz"),
    ("stored_inputs", "json"),
    ("parent_run_id", "text"),
    ("parent_step_id", "text"),
    ("parent_detached", "boolean"),
    ("children_nano", "bigint"),
    ("kinds", "jsonb"),
    ("compensating", "boolean"),
    ("rollouts", "json"),
    ("security", "jsonb"),
    ("subject", "text"),
)
_STEP_COLUMNS = (
    ("workflow_run_id", "text"),
    ("step_id", "text"),
    ("org_id", "text"),
    ("version", "bigint"),
    ("node_id", "text"),
    ("kind", "text"),
    ("status", "text"),
    ("attempt", "integer"),
    ("output", "json"),
    ("error", "json"),
    ("input_tokens", "bigint"),
    ("output_tokens", "bigint"),
    ("cost_nano", "bigint"),
    ("provider", "text"),
    ("model", "text"),
    ("cached", "boolean"),
    ("worker_id", "text"),
    ("requested_at", "timestamptz"),
    ("started_at", "timestamptz"),
    ("finished_at", "timestamptz"),
    ("waiting_for", "text"),
    ("waiting_until", "timestamptz"),
    ("note", "text"),
    ("reused_from", "text"),
    ("child_index", "integer"),
    ("children_total", "integer"),
    ("sla_missed", "boolean"),
    ("kinds", "jsonb"),
    ("child_run_id", "text"),
)
#: The array type of a column's values, and the expression that converts one to the column's type.
_TRAVEL = {
    "json": ("text", "{}::json"),
    "jsonb": ("text", "{}::jsonb"),
    # An array of arrays of different lengths cannot be unnested.
    "text[]": ("text", "ARRAY(SELECT json_array_elements_text({}::json))"),
    "timestamptz": ("bigint", "to_timestamp({}::double precision / 1000)"),
}

#: A run's first view carries inputs with their labels, its last one output; the others omit them.
_KEPT = ("inputs", "output", "stored_inputs")
_KEPT_COLUMNS = (*_KEPT, "security")


def _upsert(table: str, columns: Sequence[tuple[str, str]], key: str, returning: str, kept: Sequence[str] = ()) -> str:
    """Return the statement. A ``kept`` column keeps the older value when the newer view has none."""
    names = [name for name, _ in columns]
    arrays = ", ".join(f"${n}::{_TRAVEL.get(kind, (kind,))[0]}[]" for n, (_, kind) in enumerate(columns, start=1))
    values = ", ".join(_TRAVEL.get(kind, ("", "{}"))[1].format(name) for name, kind in columns)
    sets = ", ".join(
        f"{name} = coalesce(excluded.{name}, {table}.{name})" if name in kept else f"{name} = excluded.{name}"
        for name in names
        if name not in (*key.split(", "), "org_id")
    )
    return (
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM unnest({arrays}) AS v ({', '.join(names)}) "
        f"WHERE NOT EXISTS (SELECT FROM deleted_run AS gone WHERE gone.id = v.{key.partition(',')[0]}) "
        f"ORDER BY {key} ON CONFLICT ({key}) DO UPDATE SET {sets} "
        f"WHERE excluded.version > {table}.version AND excluded.org_id = {table}.org_id {returning}"
    ).rstrip()


_UPSERT_RUNS = _upsert("workflow_run", _RUN_COLUMNS, "id", "RETURNING id", _KEPT_COLUMNS)
_UPSERT_STEPS = _upsert("step_run", _STEP_COLUMNS, "workflow_run_id, step_id", "")
#: A view that came late still contributes the columns that only it carries.
_FILL = """
UPDATE workflow_run
SET inputs = coalesce(workflow_run.inputs, v.inputs::json), output = coalesce(workflow_run.output, v.output::json),
stored_inputs = coalesce(workflow_run.stored_inputs, v.stored_inputs::json),
security = coalesce(workflow_run.security, v.security::jsonb)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
AS v (id, org_id, inputs, output, stored_inputs, security)
WHERE workflow_run.id = v.id AND workflow_run.org_id = v.org_id
AND (workflow_run.inputs IS NULL AND v.inputs IS NOT NULL OR workflow_run.output IS NULL AND v.output IS NOT NULL)
"""
_LET_BE_DUE = """
INSERT INTO live_score_due (org_id, run_id) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING
"""


class RunWrites:
    """The writing side of run history."""

    def __init__(self, database: Database, scored: ScoredOrganisations | None = None) -> None:
        """``scored``: of which organisations the runs that end are due for live scores."""
        self._database = database
        self._scored = scored

    async def write(self, views: Iterable[RunView]) -> None:
        """Write all views in one transaction; order and repeats do not matter. Raises ``Unavailable``."""
        runs, steps = _newest(views)
        if not runs:
            return
        scored = frozenset() if self._scored is None else await self._scored.get()
        async with self._database.transaction("write run history") as conn:
            rows = await conn.fetch(_UPSERT_RUNS, *_arrays([_run_row(run) for run in runs.values()]))
            if steps:
                await conn.execute(_UPSERT_STEPS, *_arrays([_step_row(*pair) for pair in steps.values()]))
            applied = {row["id"] for row in rows}
            late = [
                (
                    _text(run.run_id),
                    _text(run.org_id),
                    _json(run.inputs),
                    _json(run.output),
                    _json(run.stored_inputs),
                    _security(run),
                )
                for run in runs.values()
                if _text(run.run_id) not in applied and (run.inputs is not None or run.output is not None)
            ]
            if late:
                await conn.execute(_FILL, *_arrays(sorted(late)))
            if due := sorted(_due(runs.values(), applied, scored)):
                await conn.execute(_LET_BE_DUE, *zip(*due, strict=True))


def _due(runs: Iterable[RunView], applied: set[Any], scored: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the runs that ended with what was written now, and may have answers to score."""
    for run in runs:
        # A score would keep what an answer about a person said.
        if run.subject:
            continue
        if run.org_id in scored and run.status in TERMINAL_RUN and _text(run.run_id) in applied:
            yield _text(run.org_id), _text(run.run_id)


def _newest(
    views: Iterable[RunView],
) -> tuple[dict[str, RunView], dict[tuple[str, str], tuple[RunView, StepView]]]:
    """Return each run's newest view, with the inputs and output of any view that has them, and each step's newest."""
    runs: dict[str, RunView] = {}
    steps: dict[tuple[str, str], tuple[RunView, StepView]] = {}
    for view in views:
        known = runs.get(view.run_id)
        runs[view.run_id] = view if known is None else _merged(known, view)
        for step in view.steps:
            key = (view.run_id, step.step_id)
            if key not in steps or view.version > steps[key][0].version:
                steps[key] = (view, step)
    return runs, steps


def _merged(one: RunView, other: RunView) -> RunView:
    newer, older = (other, one) if other.version > one.version else (one, other)
    missing = {name: getattr(older, name) for name in _KEPT if getattr(newer, name) is None}
    missing = {name: value for name, value in missing.items() if value is not None}
    if not newer.policy and older.policy:
        missing |= {"policy": older.policy, "input_labels": older.input_labels}
    return msgspec.structs.replace(newer, **missing) if missing else newer


def _run_row(view: RunView) -> tuple[Any, ...]:
    return (
        _text(view.run_id),
        _text(view.org_id),
        view.version,
        _text(view.workflow_name),
        view.workflow_version,
        view.status,
        _text(view.source),
        _text(view.submission_id),
        _text(view.body_hash),
        _text(view.spec_hash),
        _json(view.inputs),
        _json({_text(k): _text(v) for k, v in view.tags.items()}),
        view.budget_nano,
        view.usage.input_tokens,
        view.usage.output_tokens,
        view.cost_nano,
        _json(view.output),
        _json(view.output_in_steps),
        _json(view.error),
        _text(view.trace_id),
        view.submitted_at_ms,
        view.started_at_ms,
        view.finished_at_ms,
        _json(view.stored_inputs),
        *_parent(view),
        view.children_nano,
        _json(view.usage.kinds),
        view.compensating,
        _json(view.rollouts or None),
        _security(view),
        view.subject or None,
    )


def _parent(view: RunView) -> tuple[Any, ...]:
    parent = view.parent
    return (None, None, False) if parent is None else (_text(parent.run_id), _text(parent.step_id), parent.detached)


def _step_row(view: RunView, step: StepView) -> tuple[Any, ...]:
    return (
        _text(view.run_id),
        _text(step.step_id),
        _text(view.org_id),
        view.version,
        _text(step.node_id),
        step.kind,
        step.state,
        step.attempt,
        _json(step.output),
        _json(step.error),
        step.usage.input_tokens,
        step.usage.output_tokens,
        step.cost_nano,
        _text(step.provider),
        _text(step.model),
        step.cached,
        _text(step.worker_id),
        step.requested_at_ms,
        step.started_at_ms,
        step.finished_at_ms,
        _text(step.waiting_for),
        step.waiting_until_ms,
        _text(step.note),
        _text(step.reused_from),
        child_index(step.step_id, step.node_id),
        None if step.children is None else step.children.total,
        step.sla_missed,
        _json(step.usage.kinds),
        _text(step.child_run_id),
    )


def _arrays(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...] | None]:
    """Return the columns; one without a value is not an array, and ``unnest`` fills it with nulls.

    The driver checks each element twice for being an array itself, and most columns of most rows are null.
    """
    return [None if column.count(None) == len(column) else column for column in zip(*rows, strict=True)]


def _security(view: RunView) -> str | None:
    return _json({"policy": view.policy, "inputs": view.input_labels}) if view.policy else None


def _json(value: object) -> str | None:
    return None if value is None else _ENCODE(value).decode()


def _text(text: str | None) -> Any:
    """PostgreSQL's text has no U+0000; replace it by Unicode's replacement character."""
    return text.replace("\0", "\ufffd") if text is not None and "\0" in text else text
