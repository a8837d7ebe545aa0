"""Files of dotprompt (``.prompt``), read as what they say, and as prompts of ours.

Their front matter has a model, a configuration, schemas in Picoschema and fields of others in name spaces; the body is
Handlebars. A field without a counterpart here is noted, never dropped in silence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.errors import InvalidInput, InvalidSpec
from schemas.prompt_files.exported import to_handlebars
from schemas.prompt_files.front_matter import SPACE, part
from schemas.prompt_files.handlebars import converted, values_of
from schemas.prompt_files.own import checked
from schemas.prompt_files.problems import Note, invalid, mapping_of
from schemas.prompt_files.roles import marked, messages_of
from schemas.prompt_files.yaml_lines import yaml_text
from schemas.prompts.input_schemas import input_schema_of, schema_of
from schemas.prompts.picoschema import Schema

SUFFIX = ".prompt"
#: Names of parameters there, and here.
PARAMETERS = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "seed": "seed",
}
_KNOWN = frozenset({"name", "model", "description", "config", "input", "output", "tools"})
#: Front matter that dotprompt itself defines; others are fields of somebody's own.
_THEIRS = _KNOWN | {"variant", "version", "toolDefs", "metadata", "maxTurns", "returnToolRequests", "toolChoice"}
_PROVIDERS = {"googleai": "google", "vertexai": "google"}
_NO_NAMES: Mapping[str, Schema] = {}


@dataclass(frozen=True)
class DotPrompt:
    """A file: its metadata as dotprompt names it, and its body in our dialect.

    ``raw`` is the front matter as it is written, ``ext`` its fields in name spaces, by these. ``notes`` are what has
    another meaning here, or none.
    """

    template: str
    raw: dict[str, Any]
    name: str | None = None
    model: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    input: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    ext: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def prompt(self, name: str) -> CreatePrompt:
        """Return the prompt of it; ``name`` is used if the file gives none. Raises ``InvalidSpec``.

        White space around the body is left out, as that of our own files is.
        """
        messages = messages_of(self.template)
        body: dict[str, Any] = {"name": self.name or name, "parameters": self._parameters()}
        if "schema" in self.input:
            body["schema"] = self.input["schema"]
        if "schema" in self.output:
            body["output_schema"] = self.output["schema"]
        if self.raw.get("tools"):
            body["tools"] = self.raw["tools"]
        if self.raw.get("description"):
            body["message"] = self.raw["description"]
        texts = {"messages": [vars(one) for one in messages]} if messages else {"template": self.template.strip(SPACE)}
        return checked(body | texts)

    def _parameters(self) -> dict[str, Any]:
        found = {PARAMETERS[name]: value for name, value in self.config.items() if name in PARAMETERS}
        if self.model:
            provider, slash, model = self.model.partition("/")
            found |= {"provider": _PROVIDERS.get(provider, provider), "model": model} if slash else {"model": provider}
        return found


def read_dotprompt(
    text: str, named: Mapping[str, Schema] = _NO_NAMES, defaults: Mapping[str, Any] | None = None
) -> DotPrompt:
    """Return what a file says. ``named`` has the schemas that it may name; ``defaults`` replace its own.

    Raises ``InvalidSpec``, also for a helper that has no counterpart in our templates.
    """
    parted = part(text, comments=True)
    raw = parted.front or {}
    notes: list[Note] = []
    given, answer = _schemas(raw, "input", named), _schemas(raw, "output", named)
    if defaults is not None:
        given["default"] = dict(defaults)
    body = parted.body if parted.front is None else parted.body.strip(SPACE)
    defaults = mapping_of(given.get("default") or {}, "default")
    template = converted(body, values_of(given.get("schema"), defaults, notes), notes)
    config = mapping_of(raw.get("config") or {}, "config")
    for field_ in ("name", "model"):
        if not isinstance(raw.get(field_, ""), str):
            raise invalid(field_, "is no text", f"write the {field_} as a text")
    notes += _field_notes(raw, config, answer)
    return DotPrompt(template, raw, raw.get("name"), raw.get("model"), config, given, answer, _ext(raw), notes)


def _schemas(raw: Mapping[str, Any], name: str, named: Mapping[str, Schema]) -> dict[str, Any]:
    found = mapping_of(raw.get(name) or {}, name)
    if found.get("schema") is not None:
        try:
            found["schema"] = schema_of(found["schema"], f"{name}.schema", named)
        except InvalidInput as exc:
            raise InvalidSpec(exc.problems) from None
    return found


def _ext(raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the fields in name spaces: ``a.b.c: 1`` is the field ``c`` of ``a.b``."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in raw.items():
        space, dot, name = key.rpartition(".")
        if dot:
            found.setdefault(space, {})[name] = value
    return found


def _field_notes(raw: Mapping[str, Any], config: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[Note]:
    for name in sorted(raw.keys() - _KNOWN):
        whose = "of dotprompt" if name in _THEIRS else "of another program"
        yield Note(name, f"is a field {whose} that has no counterpart here", "it is dropped")
    for name in sorted(config.keys() - PARAMETERS.keys()):
        yield Note(f"config.{name}", "is a parameter that has no counterpart here", "it is dropped")
    if answer.get("format") not in (None, "text") and "schema" not in answer:
        yield Note("output.format", "says no more than a schema would", "give output.schema")


def write_dotprompt(prompt: CreatePrompt) -> tuple[str, list[Note]]:
    """Return the file of a prompt, and what it does not say. Raises ``InvalidSpec`` for a template."""
    notes: list[Note] = []
    said = prompt.parameters.model_dump(mode="json", exclude_defaults=True)
    provider, model = said.pop("provider", None), said.pop("model", None)
    front: dict[str, Any] = {"name": prompt.name}
    if model or provider:
        front["model"] = f"{provider}/{model}" if provider and model else model or f"{provider}/"
    theirs = {ours: name for name, ours in PARAMETERS.items()}
    config = {theirs[name]: value for name, value in said.items() if name in theirs}
    notes += [
        Note(name, "has no counterpart in dotprompt", "it is not exported") for name in said if name not in theirs
    ]
    if config:
        front["config"] = config
    if prompt.variables is not None:
        front["input"] = {"schema": input_schema_of(prompt.variables)}
    if prompt.output_schema is not None:
        front["output"] = {"format": "json", "schema": prompt.output_schema}
    if prompt.tools:
        front["tools"] = prompt.tools
    return f"---\n{yaml_text(front)}---\n{_body(prompt, notes)}\n", list(dict.fromkeys(notes))


def _body(prompt: CreatePrompt, notes: list[Note]) -> str:
    if not prompt.messages:
        return to_handlebars(prompt.template or "", prompt, notes)
    written = []
    for message in prompt.messages:
        role = {"assistant": "model", "developer": "system"}.get(message.role, message.role)
        if message.role == "developer":
            notes.append(Note("developer", "is the role system in dotprompt"))
        written.append(marked(role, message.images, to_handlebars(message.template, prompt, notes)))
    return "\n\n".join(written)
