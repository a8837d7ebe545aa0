"""Compares files with versions of the API: their content and hash, and the parts that a prompt includes."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.prompt_files.own import checked
from schemas.prompts.form import PromptForm, form_hash
from schemas.prompts.input_schemas import input_schema_of, schema_of
from schemas.prompts.texts import part_refs

_FORM = ("dialect", "messages", "output_schema", "repair", "parameters", "tools")


class Part(NamedTuple):
    """A prompt that another includes. ``which`` is a version or a label, or empty for the newest version."""

    name: str
    which: str

    @property
    def ref(self) -> str:
        """The reference as it is written."""
        return f"{self.name}@{self.which}" if self.which else self.name


def texts_of(prompt: CreatePrompt) -> list[str]:
    """Return the templates of a prompt."""
    return [message.template for message in prompt.messages] or [prompt.template or ""]


def parts_of(prompt: CreatePrompt) -> list[Part]:
    """Return the parts that a prompt includes itself, each once; none of a template that is malformed."""
    refs = dict.fromkeys(ref for text in texts_of(prompt) for ref in part_refs(text, prompt.dialect))
    return [Part(name, which) for name, _, which in (ref.partition("@") for ref in refs)]


def prompt_of(answer: Mapping[str, Any]) -> CreatePrompt:
    """Return the prompt that a version of the API is, without its labels, message and author. Raises ``InvalidSpec``.

    Those belong to the version: in a file they would move to the next one.
    """
    form = answer.get("form") or {}
    body = {name: form[name] for name in _FORM if name in form}
    body |= {name: answer[name] for name in ("schema", "project") if answer.get(name) is not None}
    if not form.get("messages"):
        body["template"] = answer["template"]
    return checked({"name": answer["name"], **body})


def form_of(prompt: CreatePrompt, refs: Mapping[str, str], parts: Mapping[str, Any]) -> PromptForm:
    """Return the form of a prompt's version, with its parts. Raises ``InvalidInput`` for a wrong schema."""
    stored = PromptForm.model_validate({"refs": refs, "parts": parts})
    schemas = {
        "input_schema": None if prompt.variables is None else input_schema_of(prompt.variables),
        "output_schema": None if prompt.output_schema is None else schema_of(prompt.output_schema, "output_schema"),
    }
    return prompt.form().model_copy(update={**schemas, "refs": stored.refs, "parts": stored.parts})


def hash_of(prompt: CreatePrompt, form: PromptForm) -> str:
    """Return the hash that the version has."""
    return form_hash(prompt.template or "", form)


def is_version(prompt: CreatePrompt, answer: Mapping[str, Any]) -> bool:
    """Return true if a version of the API has this content: by its hash, with the parts that it was stored with."""
    stored = answer.get("form") or {}
    refs = stored.get("refs", {})
    if {part.ref for part in parts_of(prompt)} != set(refs):
        return False
    return hash_of(prompt, form_of(prompt, refs, stored.get("parts", {}))) == str(answer["hash"])


def in_order(prompts: Iterable[CreatePrompt]) -> list[CreatePrompt]:
    """Return prompts with parts before those that include them. Of a cycle, the server refuses the first."""
    by_name = {prompt.name: prompt for prompt in prompts}
    found: dict[str, CreatePrompt] = {}

    def add(prompt: CreatePrompt, above: frozenset[str]) -> None:
        for part in parts_of(prompt):
            if part.name in by_name and part.name not in found and part.name not in above:
                add(by_name[part.name], above | {part.name})
        found[prompt.name] = prompt

    for name in sorted(by_name):
        if name not in found:
            add(by_name[name], frozenset({name}))
    return list(found.values())
