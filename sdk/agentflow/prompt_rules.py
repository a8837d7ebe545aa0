"""Files of prompts, read, written and checked by the server's own rules.

In the checkout they are in ``schemas``; the build of the wheel copies them, see ``agentflow.engine``. They need the
extra ``cli``.
"""

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.errors import InvalidSpec, Problem
from schemas.prompt_files.exchange import EXPORTS, IMPORTS, export_text, import_text
from schemas.prompt_files.imported import Imported
from schemas.prompt_files.lint import Find, Finding, lint, size_of
from schemas.prompt_files.own import SUFFIX, checked, read_prompt, write_prompt
from schemas.prompt_files.versions import (
    Part,
    form_of,
    hash_of,
    in_order,
    is_version,
    parts_of,
    prompt_of,
    texts_of,
)

__all__ = [
    "EXPORTS",
    "IMPORTS",
    "SUFFIX",
    "CreatePrompt",
    "Find",
    "Finding",
    "Imported",
    "InvalidSpec",
    "Part",
    "Problem",
    "checked",
    "export_text",
    "form_of",
    "hash_of",
    "import_text",
    "in_order",
    "is_version",
    "lint",
    "parts_of",
    "prompt_of",
    "read_prompt",
    "size_of",
    "texts_of",
    "write_prompt",
]
