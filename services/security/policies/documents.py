"""Documents of policies as people send them: read, named as the store can name them, and tested."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import InvalidInput, Problem
from schemas.policies.document import Policy
from schemas.policies.read import read_policy
from schemas.policies.testing import run_tests
from services.privacy.detect.engines import not_installed

#: A policy's name is a part of the API's paths.
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$"
#: Paths of the API of which these are the ends.
_TAKEN = frozenset({"active", "test"})
_AT = "body.document"


def policy_of(document: str | Mapping[str, Any], cases: Sequence[Mapping[str, Any]] = ()) -> Policy:
    """Return the policy of a document, with further ``cases`` after its own tests.

    Raises ``InvalidInput`` with every problem, by its place in the body.
    """
    try:
        policy = read_policy(document)
        if cases:
            own = [one.model_dump(mode="json", exclude_defaults=True) for one in policy.tests]
            policy = read_policy(policy.document | {"tests": [*own, *map(dict, cases)]})
    except InvalidInput as exc:
        raise InvalidInput.of(*(Problem(_path(one.path), one.message, one.fix) for one in exc.problems)) from exc
    if "/" in policy.name or policy.name in _TAKEN:
        said = f"{policy.name!r} cannot be the name of a stored policy"
        fix = "use letters, digits and _ . -, and neither active nor test"
        raise InvalidInput.of(Problem(f"{_AT}.name", said, fix))
    return policy


def check_engines(policy: Policy) -> None:
    """Raise ``InvalidInput`` for engines of detectors that are not installed here: they would refuse every value."""
    names = () if policy.privacy is None else policy.privacy.detect.engines
    fix = "install it for the API and all workers, or remove it, see docs/reference/detectors.md"
    said = {index: not_installed(name) for index, name in enumerate(names)}
    problems = [
        Problem(f"{_AT}.privacy.detect.engines[{index}]", f"{names[index]!r} {why}", fix)
        for index, why in said.items()
        if why
    ]
    if problems:
        raise InvalidInput.of(*problems)


def check_tests(policy: Policy) -> None:
    """Raise ``InvalidInput`` with the policy's own tests that fail."""
    problems = [
        Problem(f"{_AT}.tests[{index}]", one.line, "correct the test, or the rules")
        for index, one in enumerate(run_tests(policy).results)
        if not one.passed
    ]
    if problems:
        raise InvalidInput.of(*problems)


def _path(path: str) -> str:
    return f"{_AT}.{path}" if path else _AT
