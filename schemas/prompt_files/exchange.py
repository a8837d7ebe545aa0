"""Files of other programs by the name of their form."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.prompt_files.dotprompt import read_dotprompt, write_dotprompt
from schemas.prompt_files.imported import Imported
from schemas.prompt_files.problems import Note, invalid
from schemas.prompt_files.promptfoo import ReadFile, read_promptfoo, write_promptfoo
from schemas.prompt_files.prompty import read_prompty
from schemas.prompt_files.versions import texts_of
from schemas.templates import template_errors

IMPORTS = ("dotprompt", "prompty", "promptfoo")
EXPORTS = ("dotprompt", "promptfoo")


def import_text(form: str, text: str, name: str, read_file: ReadFile) -> list[Imported]:
    """Return the prompts of a file. ``read_file`` returns the texts of files that it names. Raises ``InvalidSpec``."""
    readers: Mapping[str, Callable[[], list[Imported]]] = {
        "dotprompt": lambda: [_dotprompt(text, name)],
        "prompty": lambda: [read_prompty(text, name)],
        "promptfoo": lambda: read_promptfoo(text, name, read_file),
    }
    found = readers[form]()
    for one in found:
        _check(one.prompt)
    return found


def export_text(
    form: str, prompt: CreatePrompt, cases: Sequence[Mapping[str, Any]], scorers: Sequence[dict[str, Any]]
) -> tuple[str, list[Note]]:
    """Return the file of a prompt, and what it does not say. Raises ``InvalidSpec``."""
    return write_dotprompt(prompt) if form == "dotprompt" else write_promptfoo(prompt, cases, scorers)


def _check(prompt: CreatePrompt) -> None:
    """Raise ``InvalidSpec`` for a template that our renderer would refuse: an import is no place to find out later."""
    for text in texts_of(prompt):
        for error in template_errors(text, prompt.dialect):
            said = f"line {error.line}, column {error.column} of the template that it becomes: {error.message}"
            raise invalid("", said, error.fix)


def _dotprompt(text: str, name: str) -> Imported:
    found = read_dotprompt(text)
    return Imported(found.prompt(name), found.notes)
