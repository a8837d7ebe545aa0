"""The names that a version of a prompt must be given."""

from schemas.spec.model import PinnedPrompt
from schemas.spec.references import variables_of


def needs(prompt: PinnedPrompt) -> frozenset[str]:
    """Return the names of a version's variables."""
    return variables_of(prompt.template)
