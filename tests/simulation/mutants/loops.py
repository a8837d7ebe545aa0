"""Wrong edits of loops: how many iterations there are, what they see, and what a loop gives."""

from tests.simulation.mutants.planting import Mutant

RUNS = "streams.core.runs"

MUTANTS = (
    Mutant(
        "iteration_before_forgotten",
        RUNS,
        "return run.iteration_output(loop, node.iteration - 1)",
        "return run.iteration_output(loop, 0)",
        "an iteration sees the output of the one before",
    ),
    Mutant(
        "one_iteration_too_many",
        RUNS,
        "    if number < loop.most:\n",
        "    if number <= loop.most:\n",
        "a loop has as many iterations as it may have",
    ),
    Mutant(
        "iteration_ends_early",
        RUNS,
        "if not all(run.settled(f",
        "if not any(run.settled(f",
        "an iteration ends when all of its nodes are settled",
    ),
    Mutant(
        "loop_condition_ignored",
        RUNS,
        "if _holds(run, node, step, number + 1 if loop.holds else number) is not loop.holds:",
        "if False:",
        "a loop ends when its condition says so",
    ),
    Mutant(
        "first_output_for_all",
        RUNS,
        "lambda i: self.iteration_output(loop, i + 1) or",
        "lambda i: self.iteration_output(loop, 1) or",
        "all outputs of a loop are those of its iterations, in order",
    ),
    Mutant(
        "loop_gives_its_first_output",
        RUNS,
        "        return Ended(node.id, output=_output(run, node, number))\n    if number <",
        "        return Ended(node.id, output=_output(run, node, 1))\n    if number <",
        "a loop gives the output of its last iteration",
    ),
    Mutant(
        "exhausted_loop_succeeds",
        RUNS,
        "    if not loop.fails_exhausted:\n",
        "    if True:\n",
        "a loop that does not end in time fails unless it may give its last output",
    ),
    Mutant(
        "iterations_are_not_counted",
        RUNS,
        "            return inline(node.iteration)\n",
        "            return inline(1)\n",
        "an iteration knows its number",
    ),
)
