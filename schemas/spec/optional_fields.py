"""Fields of a workflow document that came later than documents that are stored, hashed and in logs.

A field that a document does not use is left out wherever the document is written, so that its hash stays what it was
and a reader that does not know the field yet still reads it.
"""

from typing import Any

from pydantic import Field


def later(default: Any = None, **limits: Any) -> Any:
    """Return a field that is not written while it has its default. ``limits`` are those of ``pydantic.Field``."""
    return Field(default=default, exclude_if=lambda value: value == default, **limits)
