"""The workflows that a workflow's nodes run, compiled: what a run of each is made of."""

from schemas.errors import BadRecord
from schemas.spec.document import resolved_bytes
from schemas.spec.model import ResolvedSpec
from schemas.spec.nested import child_spec, pinned_key, workflow_nodes
from schemas.spec.required_inputs import required_of
from schemas.spec.rules_version import rules_of
from streams.core.runs.plan.waiting_nodes import ChildSpec


def child_specs(resolved: ResolvedSpec) -> dict[str, ChildSpec]:
    """Return what nodes run, by their ids; none for most workflows. Raises ``BadRecord`` for one that is not pinned."""
    known: dict[str, ChildSpec] = {}
    found: dict[str, ChildSpec] = {}
    for node in workflow_nodes(resolved.spec):
        try:
            key = pinned_key(node.config, resolved.pins)
            if key not in known:
                known[key] = _compile(child_spec(resolved, key))
        except KeyError as exc:
            raise BadRecord("bad_spec", f"node '{node.id}' runs workflow {exc}, which is not pinned") from exc
        found[node.id] = known[key]
    return found


def _compile(resolved: ResolvedSpec) -> ChildSpec:
    return ChildSpec(resolved, required_of(resolved), rules_of(resolved.spec), len(resolved_bytes(resolved)))
