"""Wrong edits of sealed runs: data of a person is in clear somewhere, or an erased run does not end as it should."""

from tests.simulation.mutants.planting import Mutant

RUNS = "streams.core.runs"
UNSEALED = "streams.core.runs.events.unsealed"

MUTANTS = (
    Mutant(
        "output_in_clear_is_taken",
        UNSEALED,
        "    if run.header.subject and not _is_whole(run, event):\n",
        "    if False:\n",
        "an output of a person's run is sealed, or it is refused",
    ),
    Mutant(
        "output_of_another_person_is_taken",
        UNSEALED,
        "    return place.subject == run.header.subject and place.object_org in",
        "    return place.object_org in",
        "an output is sealed with the key of its run's person",
    ),
    Mutant(
        "words_in_clear_are_kept",
        UNSEALED,
        "    return structs.replace(error, code=code, message=message, details={}, sealed=None)\n",
        "    return structs.replace(error, code=code, details={}, sealed=None)\n",
        "the words of an error are sealed, or they are left out",
    ),
    Mutant(
        "child_run_forgets_its_person",
        RUNS,
        "        security=None if run.security is None else of_child(run, run.security, step_id, step),\n"
        "        subject=header.subject,\n",
        "        security=None if run.security is None else of_child(run, run.security, step_id, step),\n",
        "a run that a step starts is of the same person",
    ),
    Mutant(
        "request_forgets_its_person",
        RUNS,
        "        subject=header.subject,\n        wants=list(node.wants) if header.subject else [],\n",
        "        wants=list(node.wants) if header.subject else [],\n",
        "a worker knows whose data it seals",
    ),
    Mutant(
        "request_asks_for_no_answers",
        RUNS,
        "        wants=list(node.wants) if header.subject else [],\n",
        "",
        "what a fold decides by is evaluated before it is sealed",
    ),
    Mutant(
        "answers_are_not_looked_up",
        RUNS,
        "        holds = reference.decided.get(key)\n",
        "        holds = None\n",
        "a condition over sealed data is read from its answer",
    ),
    Mutant(
        "any_answer_is_taken",
        RUNS,
        "        if isinstance(holds, bool):\n            return Answer(holds)\n",
        "        if isinstance(holds, bool):\n            return Answer(True)\n",
        "an answer is the one that was recorded",
    ),
    Mutant(
        "erased_outcome_needs_its_words",
        UNSEALED,
        "    message = ERASED_MESSAGE if error.code == SUBJECT_ERASED else LEFT_OUT\n",
        "    message = error.sealed.uri if error.code == SUBJECT_ERASED else LEFT_OUT\n",
        "an outcome of an erased person has no words, and ends its step like any other",
    ),
)
