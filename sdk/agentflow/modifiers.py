"""Modifiers of the node that was added last: its inputs, policy and place."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal, Self

from agentflow.nodes import Node, given, milliseconds

Quality = Literal["Gold", "Silver", "Bronze", "gold", "silver", "bronze"]


class Modifiers:
    """The methods of a builder that change its last node. Each returns the builder."""

    _nodes: list[Node]

    def _last(self, what: str) -> Node:
        if not self._nodes:
            raise ValueError(f"{what} says something of a node, and there is none yet; add one first, such as .tool(…)")
        return self._nodes[-1]

    def depends_on(self, *nodes: str) -> Self:
        """Let the node run after these."""
        self._last("depends_on").after.extend(nodes)
        return self

    def inputs(self, **values: Any) -> Self:
        """Bind names to values: ``<node>.output[.path]`` is a reference, ``{{name}}`` in a text an input of the run."""
        self._last("inputs").config.setdefault("inputs", {}).update(values)
        return self

    def condition(self, expression: str) -> Self:
        """Skip the node if the expression is false, such as ``classify.output.type == 'text'``."""
        self._last("condition").config["condition"] = expression
        return self

    def parallel(
        self,
        items: str | list[Any] | None = None,
        *,
        max_parallel: int | None = None,
        max_items: int | None = None,
        on_child_error: Literal["fail", "skip", "collect"] | None = None,
    ) -> Self:
        """Map the node over a list, one child an item; without ``items`` over its only predecessor's output."""
        more = given(items=items, max_parallel=max_parallel, max_items=max_items, on_child_error=on_child_error)
        return self.config(parallel=True, **more)

    def join(self, kind: Literal["all", "any", "all_done"]) -> Self:
        """Say which predecessors must have succeeded; by default all have ended and one of them succeeded."""
        self._last("join").beside["join"] = kind
        return self

    def queue(self, name: str) -> Self:
        """Let workers of a queue of its own execute the node."""
        self._last("queue").beside["queue"] = name
        return self

    def quality(self, tier: Quality) -> Self:
        """Choose the tier: Gold, Silver or Bronze."""
        return self.policy(quality=tier)

    def sla(self, seconds: float | timedelta | None = None, *, ms: int | None = None) -> Self:
        """Set the target of a step's time; a miss is counted."""
        return self.policy(sla_ms=milliseconds(seconds, ms))

    def timeout(self, seconds: float | timedelta | None = None, *, ms: int | None = None) -> Self:
        """Set the longest time of one attempt."""
        return self.policy(timeout_ms=milliseconds(seconds, ms))

    def retries(
        self,
        max_attempts: int | None = None,
        *,
        initial_ms: int | None = None,
        multiplier: float | None = None,
        max_ms: int | None = None,
        jitter: float | None = None,
        retry_on: Iterable[str] | None = None,
    ) -> Self:
        """Set number and times of attempts; ``retry_on`` names the error codes that are retried."""
        codes = None if retry_on is None else list(retry_on)
        said = given(max_attempts=max_attempts, initial_ms=initial_ms, multiplier=multiplier, max_ms=max_ms)
        return self.policy(retries=said | given(jitter=jitter, retry_on=codes))

    def optional(self) -> Self:
        """Let the node fail for good without failing the run."""
        return self.policy(optional=True)

    def priority(self, value: int) -> Self:
        """Order the steps that wait for a concurrency slot of the run: the highest first."""
        return self.policy(priority=value)

    def route(self, by: str, **more: Any) -> Self:
        """Let the model be chosen for each call: ``cheapest``, ``fastest``, ``best``, ``balanced`` or ``learn``."""
        return self.policy(route={"by": by, **more} if more else by)

    def cache(self, policy: bool | Mapping[str, Any] = True) -> Self:
        """Let earlier answers of the same call be used."""
        return self.config(cache=policy if isinstance(policy, bool) else dict(policy))

    def config(self, **fields: Any) -> Self:
        """Set any field of the node's config, by its name in the document."""
        self._last("config").config.update(fields)
        return self

    def policy(self, **fields: Any) -> Self:
        """Set any field of the node's policy, by its name in the document."""
        self._last("policy").policy.update(fields)
        return self
