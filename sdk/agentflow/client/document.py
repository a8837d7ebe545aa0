"""A workflow document as the body of a request."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class HasDocument(Protocol):
    """A builder's workflow."""

    def document(self) -> dict[str, Any]:
        """Return the workflow document."""


Document = HasDocument | Mapping[str, Any] | str
"""A builder's workflow, a mapping, or YAML or JSON text."""


def document(workflow: Document) -> dict[str, Any]:
    """Return the arguments of a request whose body is the document."""
    if isinstance(workflow, str):
        return {"content": workflow.encode(), "headers": {"Content-Type": "application/yaml"}}
    return {"json": workflow.document() if isinstance(workflow, HasDocument) else dict(workflow)}
