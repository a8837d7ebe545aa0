"""Archived prompts, which nothing new may use: neither a registration nor a submission.

A plan whose versions are all pinned is cached for ever, so an organisation's archived prompts are queried
separately, at most every ``ARCHIVED_FOR_S``. While PostgreSQL does not answer, what was known before holds: a
submission needs nothing else of it.
"""

import time
from collections.abc import Callable, Collection, Iterator

from cachetools import LRUCache

from connectors.aio.batching import SingleFlight
from connectors.postgres.prompts import Prompts
from schemas.errors import Problem, Unavailable
from schemas.prompts.refs import parse_prompt_ref
from schemas.spec.loops import placed_nodes
from schemas.spec.model import AgentNode, LlmNode, WorkflowSpec

ARCHIVED_FOR_S = 1.0
#: After a question without an answer, so that a database that hangs delays few submissions.
FAILED_FOR_S = 5.0
MAX_ORGANISATIONS = 1_000

_Known = tuple[frozenset[str], float]


class ArchivedPrompts:
    """The names of archived prompts, by organisation."""

    def __init__(self, prompts: Prompts, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._prompts = prompts
        self._monotonic = monotonic
        self._known: LRUCache[str, _Known] = LRUCache(MAX_ORGANISATIONS)
        self._asking: SingleFlight[str, frozenset[str]] = SingleFlight()

    async def names(self, org_id: str) -> frozenset[str]:
        """Return the names of an organisation's archived prompts; as they were known, if nobody answers."""
        known = self._known.get(org_id)
        if known is not None and self._monotonic() < known[1]:
            return known[0]
        return await self._asking.do(org_id, lambda: self._ask(org_id))

    def forget(self, org_id: str) -> None:
        """Ask again; called after something was archived or restored here."""
        if (known := self._known.get(org_id)) is not None:
            self._known[org_id] = (known[0], self._monotonic())
        self._asking = SingleFlight()

    async def _ask(self, org_id: str) -> frozenset[str]:
        asking, until = self._asking, self._monotonic() + ARCHIVED_FOR_S
        try:
            names = await self._prompts.archived(org_id)
        except Unavailable:
            names = self._known.get(org_id, (frozenset(), 0.0))[0]
            until = self._monotonic() + FAILED_FOR_S
        if asking is self._asking:
            self._known[org_id] = (names, until)
        return names


def archived_problems(spec: WorkflowSpec, archived: Collection[str]) -> Iterator[Problem]:
    """Yield the nodes that name archived prompts. ``archived`` are references as they are written."""
    for path, node in placed_nodes(spec) if archived else ():
        if isinstance(node, LlmNode | AgentNode) and node.config.prompt_ref in archived:
            ref = node.config.prompt_ref
            restore = f"restore it: POST /api/v1/prompts/{parse_prompt_ref(ref).name}/restore; or name another"
            yield Problem(f"{path}.config.prompt_ref", f"the prompt '{ref}' is archived", restore)
