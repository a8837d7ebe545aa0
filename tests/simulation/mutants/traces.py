"""Wrong edits of the spans that runs and attempts have."""

from tests.simulation.mutants.planting import Mutant

FOLD = "streams.core.runs.traces"
WORKER = "services.runs.attempts.spans"

MUTANTS = (
    Mutant("trace_without_root", FOLD, "chain([_root(run)], steps", "chain([], steps", "a trace has a root"),
    Mutant(
        "trace_with_two_roots",
        FOLD,
        "chain([_root(run)], steps",
        "chain([_root(run), _root(run)], steps",
        "a span is written once",
    ),
    Mutant(
        "children_below_the_run",
        FOLD,
        "parent_span_id=parent_span(run.run_id, step_id)",
        "parent_span_id=span_id(run.run_id)",
        "a step is below its map, its agent or its loop",
    ),
    Mutant(
        "attempts_below_the_run",
        WORKER,
        "parent_span_id=span_id(request.run_id, request.step_id),",
        "parent_span_id=span_id(request.run_id),",
        "an attempt is below its step",
    ),
    Mutant(
        "hash_of_the_inputs",
        WORKER,
        "output_hash=_output_hash(outcome, ledger),",
        "output_hash=_input_hash(request, ledger),",
        "the hash of an output is that of the output",
    ),
    Mutant(
        "cost_on_attempts_too",
        WORKER,
        '        type="attempt",\n',
        '        type="attempt",\n        cost_nano=sum(one.cost_nano for one in ledger.spans),\n',
        "money is on the spans of calls alone",
    ),
    Mutant(
        "lost_calls_without_spans",
        FOLD,
        "    if step.booked is not None:\n",
        "    if False:\n",
        "a call that only the ledger knows has a span",
    ),
    Mutant(
        "late_calls_without_spans",
        FOLD,
        "        elif spans := list(calls_of_step(run, step_id, step)):\n",
        "        elif spans := []:\n",
        "a call that is settled after the run's end has a span",
    ),
    Mutant(
        "unreported_attempts_without_spans",
        FOLD,
        "    if step.unsettled and _is_work(node, step_id, step):\n",
        "    if False:\n",
        "an attempt that nobody reported has a span",
    ),
    Mutant(
        "compensation_without_spans",
        FOLD,
        "        if step.state in TERMINAL_STEP and _is_late(run, step):\n",
        "        if False:\n",
        "a step that ends after its run has a span",
    ),
)
