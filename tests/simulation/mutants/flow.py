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
        "line_is_passed_by",
        FLOW,
        "            run_id, key = self._keys.pop(name, key)\n",
        "            run_id, key = self._keys.pop(name, replace(key, head=key.tail - 1))\n",
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
        "repeated_timer_disarms",
        FLOW,
        "            self._arm(event.key, due_ms)\n",
        "            pass\n",
        "a timer that fired again leaves the one that is armed since",
    ),
    Mutant(
        "limit_is_forgotten_at_a_restore",
        "streams.core.runs",
        "            limited=state.get(header.run_id, TURNS) is not False,\n",
        "            limited=True,\n",
        "a run that no limit holds for is not counted by any",
    ),
    Mutant(
        "oldest_is_not_told_again",
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
