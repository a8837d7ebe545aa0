"""Wrong edits of flow control: keys that are lost, returned twice, or given to too many."""

from tests.simulation.mutants.planting import Mutant

FLOW = "streams.core.admissions.flow"

MUTANTS = (
    Mutant(
        "key_is_lost",
        FLOW,
        "            self._keys.set(key, replace(found, held=found.held - 1))\n",
        "            self._keys.set(key, found)\n",
        "a run that is over returns its key",
    ),
    Mutant(
        "key_is_returned_twice",
        FLOW,
        "            self._keys.set(key, replace(found, held=found.held - 1))\n",
        "            self._keys.set(key, replace(found, held=found.held - 2))\n",
        "a run returns its key once",
    ),
    Mutant(
        "key_is_given_to_one_too_many",
        FLOW,
        "        if not key.waiting and key.held < key.limit:\n",
        "        if not key.waiting and key.held <= key.limit:\n",
        "no more runs hold a key than its limit says",
    ),
    Mutant(
        "newest_passes_first",
        "streams.core.admissions.keys",
        "        number = found.tail\n",
        "        number = found.tail\n"
        "        if found.waiting:\n"
        "            self._state.put(QUEUES, line_field(self._org_id, key, found.head - 1), run_id)\n"
        "            self.set(key, replace(found, head=found.head - 1, waiting=found.waiting + 1))\n"
        "            return found.head - 1\n",
        "the first of a line passes first",
    ),
    Mutant(
        "nobody_is_woken",
        FLOW,
        "        for key in held:\n            self._let(key)\n",
        "        for key in held:\n            pass\n",
        "the next run of a line passes when a key is returned",
    ),
    Mutant(
        "dead_keeps_its_place_in_line",
        FLOW,
        "            self._keys.leave(run.gates[run.passed].key, run.number)\n        self._leave_members",
        "            pass\n        self._leave_members",
        "a run that ends leaves its line",
    ),
    Mutant(
        "rate_never_wakes",
        FLOW,
        "            self._arm(name, due_ms)\n",
        "            pass\n",
        "who waits for a rate is let through when a start is forgotten",
    ),
    Mutant(
        "debounce_counts_from_now_on",
        FLOW,
        "            if key.members and key.due_ms <= now_ms:\n",
        "            if key.members and key.due_ms < event.due_ms:\n",
        "the newest of a key passes when its time is over",
    ),
    Mutant(
        "gates_are_not_asked_for",
        "streams.core.runs",
        "            flow=state.get(header.run_id, FLOW),\n",
        "            flow=None,\n",
        "a run asks for its admission with its gates",
    ),
    Mutant(
        "newest_is_canceled",
        FLOW,
        "            self._end(key.members[0], superseded(gate, key, run_id))\n",
        "            self._end(key.members[-1], superseded(gate, key, run_id))\n",
        "the oldest run of a key is canceled for the newest",
    ),
    Mutant(
        "end_is_not_repeated",
        "streams.core.admissions",
        "        admitted += map(Emit, flow_ends.outstanding(state))\n",
        "        admitted += []\n",
        "a restored table repeats admissions and ends",
    ),
)
