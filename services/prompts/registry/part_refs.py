"""The references of a template to parts: ``{{> header}}``, ``{{> header@2 tone="warm"}}``."""

from schemas.prompts.form import Dialect
from schemas.templates import TemplateError, parse_stored


def part_refs(text: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the references of a template as they are written, one for each place; none of a malformed one."""
    try:
        return tuple(part.ref for part in parse_stored(text, dialect).parts)
    except TemplateError:
        return ()
