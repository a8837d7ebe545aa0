"""The names that a version of a prompt must, or may, be given."""

from collections.abc import Iterator, Sequence

from schemas.errors import InvalidInput, Problem
from schemas.prompts.evaluations import Case
from schemas.prompts.texts import known_names, required_names
from schemas.spec.model import PinnedPrompt

_MAX_PROBLEMS = 100


def needs(prompt: PinnedPrompt) -> frozenset[str]:
    """Return the names that a version must be given."""
    return required_names(prompt.template, prompt.form)


def variables_for(prompt: PinnedPrompt, cases: Sequence[Case]) -> list[str]:
    """Return the names that a version is given of each case: all that it must have, and of the others those there are.

    Raises ``InvalidInput`` where a case lacks one. A name that may be missing is given in all cases or in none, since
    the nodes of a workflow bind the same names for every item.
    """
    wanted = known_names(prompt.template, prompt.form)
    given = {name for case in cases for name in case.inputs if name in wanted}
    must = needs(prompt)
    problems = list(_missing(prompt, cases, must | given))
    if problems:
        raise InvalidInput.of(*problems[:_MAX_PROBLEMS], shown=3)
    return sorted(must | given)


def _missing(prompt: PinnedPrompt, cases: Sequence[Case], names: frozenset[str]) -> Iterator[Problem]:
    for case in cases:
        for name in sorted(names - case.inputs.keys()):
            said = f"has no input '{name}', which {prompt.name}@{prompt.version} uses"
            yield Problem(f"dataset case {case.id}", said, "add it; or take it out of every case if it may be missing")
