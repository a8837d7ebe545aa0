"""The environments of runs, and the calls that were made in them: each call once, however often it is sent."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.agentdojo.world.suite import Call, Case, Json, Judged, Suite, ToolFailed

#: A run may call a tool before the harness has said which case it is.
KNOWN_S = 20.0


@dataclass
class World:
    """One run's. ``results`` are by the idempotency key of the call."""

    case_id: str
    environment: Any
    results: dict[str, Json] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    repeated: int = 0


class Worlds:
    """All worlds of a process. Case ids begin with the name of their suite."""

    def __init__(self, suites: Mapping[str, Suite]) -> None:
        self._suites = suites
        self._worlds: dict[str, World] = {}
        self._changed = threading.Condition()

    def case(self, case_id: str) -> Case:
        """Return a case."""
        name, _, inside = case_id.partition("/")
        with self._changed:
            return self._suites[name].case(inside)

    def begin(self, run: str, case_id: str, of: str = "") -> None:
        """Say which case a run is, once. ``of`` is a run whose world it continues with, as it is now."""
        name, _, inside = case_id.partition("/")
        with self._changed:
            if run not in self._worlds:
                self._worlds[run] = World(case_id, self._suites[name].environment(inside))
                if of:
                    for call in self._worlds[of].calls:
                        self._do(self._worlds[run], call)
            self._changed.notify_all()

    def call(self, run: str, key: str, tool: str, args: Json) -> Json:
        """Call a tool in a run's world; return ``{"value": …}`` or ``{"error": …}``. Raises ``KeyError``."""
        with self._changed:
            if not self._changed.wait_for(lambda: run in self._worlds, KNOWN_S):
                raise KeyError(run)
            world = self._worlds[run]
            if key in world.results:
                world.repeated += 1
            else:
                world.results[key] = self._do(world, Call(tool, args))
            return world.results[key]

    def judge(self, run: str, answer: str, calls: Sequence[Call]) -> tuple[Judged, World]:
        """Judge a run. Raises ``KeyError``."""
        with self._changed:
            world = self._worlds[run]
            name, _, inside = world.case_id.partition("/")
            return self._suites[name].judge(inside, world.environment, answer, calls), world

    def _do(self, world: World, call: Call) -> Json:
        name = world.case_id.partition("/")[0]
        try:
            result = {"value": self._suites[name].call(world.environment, call.tool, call.args)}
        except ToolFailed as exc:
            return {"error": str(exc)}
        world.calls.append(call)
        return result
