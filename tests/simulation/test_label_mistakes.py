"""Each place where a label could be lost has a planted mistake that loses it there, and each of these is caught.

The simulation finds them by its recorded seeds. Dead letters are retried on a broker, which it does not play: there the
test of a retried request finds them.
"""

from collections.abc import Sequence

import pytest

from tests.simulation.mutants.found import recorded
from tests.simulation.mutants.planting import Mutant, planted_in
from tests.simulation.play import play
from tests.unit.streams.runtime.test_dead_letter_labels import test_a_retried_request_has_its_security as is_retried

#: The mistake of each place, in the catalogue of the simulation.
SIMULATED = {
    "cache": "labels_of_a_stored_answer_are_dropped",
    "retry": "retry_is_decided_by_nobody",
    "fan-in": "fan_in_keeps_the_first",
    "child run": "child_run_forgets_its_inputs",
    "signal": "signal_is_trusted",
    "fork": "fork_keeps_no_labels",
    "restart": "restart_forgets_the_inputs_labels",
}
LETTERS: Sequence[Mutant] = (
    Mutant(
        "letter_keeps_no_headers",
        "streams.runtime.dead_letters",
        "if header[0] == RETRIES or not header[0].startswith(PREFIX))\n",
        "if header[0] == RETRIES)\n",
        "a dead letter has the headers of its record",
    ),
    Mutant(
        "letter_loses_a_word",
        "streams.runtime.dead_letters",
        "    return OutRecord(to or dlq(record.topic), record.key, record.value, kept + added)\n",
        "    value = (record.value or b'').replace(b'\"web\"', b'\"trusted\"')\n"
        "    return OutRecord(to or dlq(record.topic), record.key, value, kept + added)\n",
        "a dead letter has the bytes of its record",
    ),
    Mutant(
        "retry_drops_the_labels",
        "topics.dead_letters.letter",
        "        return tuple(header for header in self.headers if not header[0].startswith(PREFIX))\n",
        '        return tuple(one for one in self.headers if not one[0].startswith((PREFIX, "agentflow-")))\n',
        "a retried record has the headers of the first",
    ),
)


@pytest.mark.parametrize("place", [*SIMULATED, "dead-letter retry"])
def test_a_mistake_that_loses_a_label_is_caught(place: str) -> None:
    bug = SIMULATED.get(place)
    if bug is not None:
        seed = recorded()[bug]
        assert play(seed, bug).problems
        assert not play(seed).problems
        return
    is_retried()
    for mutant in LETTERS:
        with planted_in(mutant), pytest.raises(AssertionError):
            is_retried()
