"""The hash of a workflow as a run sees it: the document with its prompts pinned."""

import json
from collections.abc import Mapping

from schemas.ids import content_hash
from schemas.spec import PinnedPrompt, ResolvedSpec, WorkflowSpec


def resolve(spec: WorkflowSpec, prompts: Mapping[str, PinnedPrompt]) -> ResolvedSpec:
    """Pin a spec's prompts, given by ``prompt_ref`` as written. Prompts that the spec does not name are left out."""
    named = {node.config.prompt_ref for node in spec.dag.nodes if node.type in ("llm", "agent")}
    pinned = {ref: prompts[ref] for ref in sorted(named)}
    return ResolvedSpec(spec=spec, prompts=pinned, hash=spec_hash(spec, pinned))


def spec_hash(spec: WorkflowSpec, prompts: Mapping[str, PinnedPrompt]) -> str:
    """Return the SHA-256 of the canonical JSON (sorted keys, no spaces, UTF-8) of spec and prompts."""
    document = {
        "spec": spec.model_dump(mode="json", by_alias=True),
        "prompts": {ref: prompt.model_dump(mode="json") for ref, prompt in prompts.items()},
    }
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return content_hash(canonical.encode())
