"""``gather_lists``: one list of several. The orchestrator requests it when the outputs of a map are large together."""

from typing import Any

from connectors.tools.registry import function


@function("gather_lists", isolation="thread")
def gather(*, parts: list[list[Any]]) -> list[Any]:
    """Return the items of all lists in ``parts``, in order."""
    return [item for part in parts for item in part]
