"""The language of prompt templates: parsed strictly, rendered purely.

``parse(text).render(values)`` is all that most callers need. A value is inserted once; whatever it holds, it is never
read as template.
"""

from schemas.templates.errors import TemplateError
from schemas.templates.parts import NO_PARTS, PartRef, Parts
from schemas.templates.stored import parse_stored
from schemas.templates.template import Dialect, Template, parse, template_errors

__all__ = [
    "NO_PARTS",
    "Dialect",
    "PartRef",
    "Parts",
    "Template",
    "TemplateError",
    "parse",
    "parse_stored",
    "template_errors",
]
