"""Checks the inputs of a submission against what its workflow reads."""

from collections.abc import Collection

from schemas.errors import InvalidInput, Problem
from schemas.spec.inputs.known_inputs import unknown_input_problems


def check_inputs(
    workflow: str, names: Collection[str], required: frozenset[str], known: frozenset[str] | None = None
) -> None:
    """Raise ``InvalidInput`` when inputs that ``workflow`` needs are missing, or given ones are unknown to it.

    ``names`` are the given inputs, ``known`` those that it may read; ``None`` if these may be any.
    """
    missing = sorted(required.difference(names))
    problems = [Problem(f"inputs.{name}", "is missing", f'add "{name}" to the inputs') for name in missing]
    unknown = unknown_input_problems(known, names, workflow)
    said = []
    if missing:
        said.append(f"needs the input{'s' * (len(missing) > 1)} {', '.join(missing)}")
    if unknown:
        named = [problem.path.partition(".")[2] for problem in unknown]
        said.append(f"does not read the input{'s' * (len(named) > 1)} {', '.join(named)}")
    if said:
        raise InvalidInput(f"{workflow} {' and '.join(said)}", (*problems, *unknown))
