"""Wrong edits of admissions: who may start, and when."""

from tests.simulation.mutants.planting import Mutant

FOLD = "streams.core.admissions"

MUTANTS = (
    Mutant(
        "release_leaves_the_place",
        FOLD,
        "        queues.leave(event.org_id, known.queue, known.number)\n",
        "        pass\n",
        "a run that is over gives its place back",
    ),
    Mutant(
        "asked_twice_stands_twice",
        FOLD,
        "    if known is None:\n        name =",
        "    if known is None or not known.is_over:\n        name =",
        "a run is queued once",
    ),
    Mutant(
        "restored_run_does_not_ask",
        "streams.core.runs",
        "armed: list[Command] = [admitted.ask(state, run.header)] if waits else []",
        "armed: list[Command] = []",
        "a restored run asks for its turn again",
    ),
    Mutant(
        "place_kept_at_the_end",
        "streams.core.runs",
        "                emitted.append(admitted.give_back(run.header))\n",
        "                pass\n",
        "a run that ends gives its place back",
    ),
    Mutant(
        "project_is_not_counted",
        FOLD,
        "for field in (project_field(org_id, project), workflow_field(org_id, workflow)):",
        "for field in (workflow_field(org_id, workflow),):",
        "a project's running runs count for its limit",
    ),
    Mutant(
        "workflow_forgets_projects",
        FOLD,
        "        return self.queue(org_id, workflow).running + of_projects\n",
        "        return self.queue(org_id, workflow).running\n",
        "a workflow's running runs are those of all projects",
    ),
)
