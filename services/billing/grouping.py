"""What a bill may be grouped by: dimensions of settlements, and any tag."""

import re
from collections.abc import Sequence

from connectors.clickhouse.bill_rows import DIMENSIONS, Dimension
from schemas.budgets import API_KEY_TAG, PROJECT_TAG, USER_TAG
from schemas.errors import InvalidInput, Problem
from schemas.spec.check.shape import similar

#: Tags that the platform sets, by the names that budgets have for them.
_SPENDERS = {"project": PROJECT_TAG, "user": USER_TAG, "api_key": API_KEY_TAG}
_TAG = re.compile(r"tag\.([A-Za-z0-9_.-]{1,64})")
MOST = 8


def dimensions(names: Sequence[str]) -> tuple[Dimension, ...]:
    """Return the dimensions of a list of names such as ``provider`` or ``tag.team``. Raises ``InvalidInput``."""
    found = [_dimension(name) for name in dict.fromkeys(names)]
    if len(found) > MOST:
        raise _refused(f"has {len(found)} names, the most is {MOST}", "group by fewer of them")
    return tuple(found)


def _dimension(name: str) -> Dimension:
    if name in DIMENSIONS:
        return DIMENSIONS[name]
    if name in _SPENDERS:
        return Dimension(name, tag=_SPENDERS[name])
    if (tag := _TAG.fullmatch(name)) is not None:
        return Dimension(name, tag=tag[1])
    raise _refused(f"has no {name!r}", similar(name, {*DIMENSIONS, *_SPENDERS, "tag.<name>"}))


def _refused(what: str, fix: str) -> InvalidInput:
    problem = Problem("group_by", what, fix)
    return InvalidInput.of(problem)
