"""Validates the flow control of a workflow: its keys compile, and no two rules are one."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec.conditions import BadCondition
from schemas.spec.flow_keys import compile_key
from schemas.spec.model import WorkflowSpec


def flow_control_problems(spec: WorkflowSpec) -> Iterator[Problem]:
    """Yield the problems of a workflow's section ``flow``."""
    if spec.flow is None:
        return
    for path, rule in spec.flow.rules:
        if rule.key is None:
            continue
        try:
            compile_key(rule.key)
        except BadCondition as exc:
            yield Problem(f"flow.{path}.key", str(exc), exc.fix)
    seen: set[str | None] = set()
    for index, rule in enumerate(spec.flow.concurrency):
        if rule.key in seen:
            shown = "all runs" if rule.key is None else f"the key `{rule.key}`"
            said = f"{shown} had a limit before"
            yield Problem(f"flow.concurrency[{index}].key", said, "remove one of the two: the lower limit decides")
        seen.add(rule.key)
