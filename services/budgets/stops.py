"""Stops and pauses in memory, folded from ``definitions`` by every process that makes calls."""

from pydantic import ValidationError

from schemas.errors import BadRecord, Unavailable
from schemas.limits.stops import Stop
from schemas.records.definitions import Definition
from schemas.values.fields import first_fault


class StopDefinitions:
    """Stops by organisation. One that was withdrawn never comes back: its id is used once.

    Before ``mark_loaded`` reports that the topic was read to its end once, the absence of a stop proves nothing.
    """

    def __init__(self) -> None:
        self._stops: dict[str, dict[str, Stop]] = {}
        self._withdrawn: set[tuple[str, str]] = set()
        self._loaded = False

    def apply(self, definition: Definition) -> None:
        """Apply one record; other kinds are ignored. Raises ``BadRecord`` for a body that is not a stop."""
        if definition.kind != "stop":
            return
        of_org, key = self._stops.setdefault(definition.org_id, {}), (definition.org_id, definition.id)
        if definition.deleted:
            self._withdrawn.add(key)
            of_org.pop(definition.id, None)
        elif key not in self._withdrawn:
            of_org[definition.id] = _stop(definition)

    def mark_loaded(self) -> None:
        """Report that every definition that existed at the start was applied."""
        self._loaded = True

    def applying(self, org_id: str, workflow: str, provider: str, model: str) -> Stop | None:
        """Return a stop that names such a call, else a pause. Raises ``Unavailable`` before the first load."""
        if not self._loaded:
            raise Unavailable("budgets", "what is stopped has not been read to its end yet")
        found = [stop for stop in self._stops.get(org_id, {}).values() if stop.applies(workflow, provider, model)]
        return min(found, key=lambda stop: stop.mode == "pause", default=None)


def _stop(definition: Definition) -> Stop:
    try:
        return Stop.model_validate(definition.body)
    except ValidationError as exc:
        raise BadRecord("stop", f"{definition.key} is not a stop: {first_fault(exc)}") from exc
