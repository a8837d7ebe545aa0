"""What a workflow's document refers to by name: for keys that are limited to some names."""

from schemas.spec.check.workflow import prompt_refs
from schemas.spec.nested import workflow_nodes
from services.workflows.checks import Parsed


def named_workflows(parsed: Parsed) -> list[str]:
    """Return the workflow itself and those that its nodes start."""
    return [parsed.spec.name, *sorted({node.config.workflow for node in workflow_nodes(parsed.spec)})]


def named_prompts(parsed: Parsed) -> list[str]:
    """Return the prompts that nodes name, without those that are written inside of nodes."""
    own = {one.name for one in parsed.inline}
    return sorted({ref.partition("@")[0] for ref in prompt_refs(parsed.spec)} - own)
