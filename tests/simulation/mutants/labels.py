"""Wrong edits of labels: each loses one somewhere on its way."""

from tests.simulation.mutants.planting import Mutant

LABELS = "streams.core.runs.labels"
RUNS = "streams.core.runs"

MUTANTS = (
    Mutant(
        "labels_of_a_stored_answer_are_dropped",
        LABELS,
        "    return labels if said is _NOTHING_SAID else labels.join(said)\n",
        "    return labels\n",
        "what a cache says of its answer is joined",
    ),
    Mutant(
        "retry_is_decided_by_nobody",
        RUNS,
        '    again: dict[str, Any] = {"started_at_ms": None, "finished_at_ms": None, "error": None}\n',
        '    again: dict[str, Any] = {"started_at_ms": None, "error": None, "decided": ("trusted",)}\n',
        "another attempt has the labels of the first",
    ),
    Mutant(
        "fan_in_keeps_the_first",
        LABELS,
        "    for index, one in enumerate(items):\n        places.update(one.placed((index,)))\n",
        "    for index, one in enumerate(items[:1]):\n        places.update(one.placed((index,)))\n",
        "the list of a map has the labels of all its children",
    ),
    Mutant(
        "edges_hand_nothing_on",
        LABELS,
        "            yield decided_of(step)\n",
        "            pass\n",
        "what decided a step decides those after it",
    ),
    Mutant(
        "child_run_forgets_its_inputs",
        LABELS,
        "    return structs.replace(security.record, inputs=inputs, control=",
        '    return structs.replace(security.record, inputs={"$": ["trusted"]}, control=',
        "a run that a step starts has the labels of what it is given",
    ),
    Mutant(
        "child_run_forgets_who_chose_it",
        LABELS,
        "inputs=inputs, control=list(_said(step.decided)))",
        "inputs=inputs)",
        "a run that a step starts has the label of what decided that",
    ),
    Mutant(
        "child_run_answers_without_labels",
        RUNS,
        "        output = answer_with_labels(run, output)\n",
        "        output = inline(output.value) if isinstance(output, Inline) else output\n",
        "what a run answers has its labels",
    ),
    Mutant(
        "signal_is_trusted",
        LABELS,
        '    own = decided.join(BY_USER) if kind == "signal" else decided\n',
        "    own = decided\n",
        "a signal's data is a user's",
    ),
    Mutant(
        "fork_keeps_no_labels",
        LABELS,
        "    return structs.replace(step, decided=words, read=words, **_output(step.output))\n",
        '    kept = structs.replace(step.value, labels={"$": ["trusted"]})\n'
        "    return structs.replace(step, decided=words, read=words, value=kept)\n",
        "a result of another run keeps its labels",
    ),
    Mutant(
        "unlabelled_results_are_trusted",
        LABELS,
        "    return _labelled(payload, Labels.of_whole(UNLABELLED))\n",
        "    return _labelled(payload, Labels.of_whole(TRUSTED))\n",
        "a result without labels is trusted least",
    ),
    Mutant(
        "restart_forgets_the_inputs_labels",
        RUNS,
        "        return Pinned.stored(data)\n",
        '        return Pinned(msgspec.structs.replace(Pinned.stored(data).record, inputs={"$": ["trusted"]}))\n',
        "a restored run has its labels",
    ),
    Mutant(
        "restart_asks_without_labels",
        RUNS,
        "security=None if run.security is None else of_request(",
        "security=None if not (run.security and run.offset) else of_request(",
        "what a restored table asks for again has its labels",
    ),
    Mutant(
        "condition_is_not_read",
        LABELS,
        "    return joined((label, *(_read_by(case, names) for case in _asked(node, step))))\n",
        "    return label\n",
        "a switch tells of the data that its cases read",
    ),
    Mutant(
        "loop_forgets_its_condition",
        RUNS,
        "        step = run.change(node.id, step, **_decided(run, node, step))\n",
        "        step = run.change(node.id, step)\n",
        "an iteration tells of the data that the condition has read",
    ),
    Mutant(
        "agent_forgets_what_it_has_heard",
        LABELS,
        "        label = joined((label, *(outcome_of(run, id_, part) for id_, part in parts if part is not None)))\n",
        "        del parts\n",
        "a turn of an agent has read all results before it",
    ),
    Mutant(
        "optional_end_tells_nothing",
        LABELS,
        '        elif before.policy.optional or node.join == "any" or node.compensates:\n',
        '        elif node.join == "any" or node.compensates:\n',
        "whether an optional step succeeded is seen by those after it",
    ),
    Mutant(
        "source_is_forgotten",
        LABELS,
        "    places = {ROOT: source_of(declared).join(own)}\n",
        "    places = {ROOT: own}\n",
        "what a tool brings in is labelled as it is declared",
    ),
    Mutant(
        "chained_step_keeps_no_labels",
        LABELS,
        "args=read(said.args).recorded, tool=said.tool, tools={}, approvals=[])\n",
        'args={"$": ["trusted"]})\n',
        "a worker that continues by itself has the labels that the fold gives",
    ),
)
