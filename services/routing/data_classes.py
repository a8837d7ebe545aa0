"""Where data of a class (``pii``, ``health``, ...) may be sent: the platform's list of routes, and an organisation's.

A route must be on every list that there is for the class. A class without a list is allowed nowhere, so that a class
that was mistyped does not send data anywhere. A list has patterns of ``provider/model``; ``*`` stands for any text.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

_FIX = "name the routes that may have it under data_classes in ROUTES_FILE, or change policy.data_class"


def matches(route: str, patterns: Sequence[str]) -> bool:
    """Return whether a list has the route; an empty list has all."""
    return not patterns or any(fnmatchcase(route, pattern) for pattern in patterns)


class DataClasses:
    """The lists by class, and by organisation and class: patterns of ``provider/model`` with ``*``."""

    def __init__(
        self, platform: Mapping[str, Sequence[str]], organisations: Mapping[tuple[str, str], Sequence[str]]
    ) -> None:
        self._platform = platform
        self._organisations = organisations

    def refusal(self, org_id: str, data_class: str, route: str) -> str | None:
        """Return why data of a class may not go to a route, and how to fix it; ``None`` when it may.

        After the class that a node names, classes of labels may follow, with commas between. Policies decide on those,
        so one that is on no list here is not refused here.
        """
        own, *labelled = data_class.split(",")
        found = (self._refusal(org_id, one, route) for one in labelled if self._is_listed(org_id, one))
        return self._refusal(org_id, own, route) or next((why for why in found if why is not None), None)

    def _is_listed(self, org_id: str, data_class: str) -> bool:
        return data_class in self._platform or (org_id, data_class) in self._organisations

    def _refusal(self, org_id: str, data_class: str, route: str) -> str | None:
        if not data_class:
            return None
        lists = [self._platform.get(data_class), self._organisations.get((org_id, data_class))]
        known = [one for one in lists if one is not None]
        if not known:
            return f"no route is allowed data of class '{data_class}'; {_FIX}"
        if all(one and matches(route, one) for one in known):
            return None
        return f"it is not allowed data of class '{data_class}'; {_FIX}"

    def barred(self, org_id: str, data_class: str, routes: Iterable[str]) -> dict[str, str]:
        """Return the routes that data of a class may not go to, and why."""
        found = ((route, self.refusal(org_id, data_class, route)) for route in routes)
        return {route: why for route, why in found if why is not None}
