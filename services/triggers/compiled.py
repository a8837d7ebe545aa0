"""Compiled rules of triggers, kept while they are used."""

from cachetools import LRUCache

from schemas.triggers.definition import Definition
from schemas.triggers.mapping import TriggerMap, compile_rules

#: An installation has some hundreds of triggers; one is compiled in a millisecond.
MOST = 1_000


class CompiledRules:
    """Compiles the rules of each version of a trigger once."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[str, int], TriggerMap] = LRUCache(MOST)

    def of(self, trigger_id: str, updated_ms: int, definition: Definition) -> TriggerMap:
        """Return the rules of a trigger as of its last change. Raises ``InvalidInput``."""
        key = (trigger_id, updated_ms)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = compile_rules(definition.rules)
        return found
