"""The references of a template to parts: ``{{> header}}``, ``{{> header@2 tone="warm"}}``."""

from schemas.spec.prompt_form import Dialect
from schemas.templates import parse


def part_refs(text: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the references of a template as they are written, one for each place. Raises ``TemplateError``."""
    return () if dialect == "jinja" else tuple(part.ref for part in parse(text, dialect).parts)
