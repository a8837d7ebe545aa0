"""Files of Prompty (``.prompty``): front matter, and a body whose messages begin with lines such as ``system:``."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.prompt_files.front_matter import SPACE, part
from schemas.prompt_files.imported import Imported, dialect_of, missing_note
from schemas.prompt_files.own import checked
from schemas.prompt_files.problems import Note, dropped, invalid, mapping_of
from schemas.prompts.picoschema import TYPES
from schemas.templates import Dialect

SUFFIX = ".prompty"
_ROLE = re.compile(r"^[ \t]*#?[ \t]*(system|developer|user|assistant|tool|function)[ \t]*:[ \t]*$", re.I | re.M)
_IMAGE = re.compile(r"!\[[^\]]*\]\(([^)]*)\)")
_PARAMETERS = {
    "max_tokens": "max_tokens",
    "maxOutputTokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "topP": "top_p",
    "stop": "stop",
    "stopSequences": "stop",
    "seed": "seed",
}
_PROVIDERS = {
    "azure_openai": "azure",
    "azure": "azure",
    "foundry": "azure",
    "openai": "openai",
    "anthropic": "anthropic",
}
_FIELDS = frozenset({"name", "description", "model", "inputs", "outputs", "sample", "template", "inputSchema"})
_MODEL = frozenset({"api", "id", "provider", "configuration", "connection", "parameters", "options"})
_MAPPINGS = ("connection", "configuration", "options", "parameters")
_SCHEMA = ("type", "description", "enum", "items", "properties")


def read_prompty(text: str, name: str) -> Imported:
    """Return the prompt of a file; ``name`` is used if it gives none that we take. Raises ``InvalidSpec``."""
    parted = part(text)
    front = parted.front or {}
    notes = dropped(*(key for key in front if key not in _FIELDS))
    inputs, defaults, sample = _inputs(front, notes)
    body = parted.body
    messages = list(_messages(body))
    dialect = dialect_of(body, other=_format(front))
    notes += missing_note(dialect)
    notes += [
        Note(f"image {url}", "stays a text", "name an image with {{media url=name}}") for url in _IMAGE.findall(body)
    ]
    said: dict[str, Any] = {"name": _name(front, name, notes), "dialect": dialect}
    said["parameters"] = _parameters(front, notes)
    if inputs:
        said["schema"] = inputs
    if front.get("description"):
        said["message"] = front["description"]
    if dialect == "agentflow":
        messages = [(role, _with_defaults(template, defaults)) for role, template in messages]
        body = _with_defaults(body, defaults)
    if messages:
        said["messages"] = [{"role": role, "template": template} for role, template in messages]
    else:
        said["template"] = body.strip(SPACE)
    cases = [{"id": "sample", "inputs": sample}] if sample else []
    return Imported(checked(said), notes, cases)


def _name(front: Mapping[str, Any], name: str, notes: list[Note]) -> str:
    given = str(front.get("name") or name)
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", given).strip("_")
    if plain != given:
        notes.append(Note("name", f"is '{plain}' here: a name has no spaces", "rename it in the file"))
    return plain


def _format(front: Mapping[str, Any]) -> Dialect:
    template = front.get("template") or "jinja2"
    said = template.get("format", template.get("type", "jinja2")) if isinstance(template, Mapping) else template
    said = said.get("kind", "jinja2") if isinstance(said, Mapping) else said
    if said not in ("jinja2", "mustache"):
        raise invalid("template", f"the format {said!r} is unknown", "write jinja2 or mustache")
    return "mustache" if said == "mustache" else "jinja"


def _messages(body: str) -> Iterator[tuple[str, str]]:
    """Yield the roles and texts; none if the body marks no role. A text before the first is of the system."""
    found = list(_ROLE.finditer(body))
    if found and (before := body[: found[0].start()].strip(SPACE)):
        yield "system", before
    for match, after in zip(found, [*found[1:], None], strict=False):
        role = match[1].lower()
        if role in ("tool", "function"):
            raise invalid(
                "", f"a message of the role '{role}' has no counterpart here", "remove it, or make it the user's"
            )
        text = body[match.end() : after.start() if after else len(body)].strip(SPACE)
        if text:
            yield role, text


def _parameters(front: Mapping[str, Any], notes: list[Note]) -> dict[str, Any]:
    model = front.get("model") or {}
    if isinstance(model, str):
        return {"model": model}
    model = mapping_of(model, "model")
    if str(model.get("api", "chat")) not in ("chat", "completion"):
        raise invalid("model.api", f"{model['api']!r} has no counterpart here", "write chat")
    inner = {key: mapping_of(model.get(key), f"model.{key}") for key in _MAPPINGS}
    configuration = inner["connection"] | inner["configuration"]
    named = model.get("id") or configuration.get("azure_deployment") or configuration.get("name")
    provider = str(model.get("provider") or configuration.get("type") or "")
    found = {"model": named, "provider": _PROVIDERS.get(provider, provider) or None}
    notes += dropped(*(f"model.{key}" for key in model if key not in _MODEL))
    if configuration.keys() - {"type", "name", "azure_deployment"}:
        notes.append(
            Note("model.configuration", "has addresses or keys, which are not of a prompt", "configure a provider")
        )
    for key, value in (inner["options"] | inner["parameters"]).items():
        if key in _PARAMETERS:
            found[_PARAMETERS[key]] = [value] if key in ("stop", "stopSequences") and isinstance(value, str) else value
        else:
            notes += dropped(f"model.parameters.{key}")
    return {key: value for key, value in found.items() if value is not None}


def _inputs(front: Mapping[str, Any], notes: list[Note]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the inputs in the short form, their defaults, and their samples."""
    written = front.get("inputs") or front.get("inputSchema") or {}
    if isinstance(written, Mapping) and isinstance(written.get("properties"), Mapping | list):
        written = written["properties"]
    if isinstance(written, list):
        written = {str(one.get("name")): one for one in written if isinstance(one, Mapping)}
    if not isinstance(written, Mapping):
        raise invalid("inputs", "is no mapping", "write names and types")
    schema: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    sample = dict(front["sample"]) if isinstance(front.get("sample"), Mapping) else {}
    for name, one in written.items():
        is_type = isinstance(one, str) and one in TYPES
        said = one if isinstance(one, Mapping) else {"type": one} if is_type else {"default": one}
        kind = str(said.get("type", said.get("kind")) or "any")
        if kind not in TYPES and kind != "any":
            notes.append(Note(f"inputs.{name}", f"has the type {kind!r}, which is unknown here", "any value is taken"))
        property_ = {key: said[key] for key in _SCHEMA if key in said and key != "type"}
        schema[name] = ({"type": kind} if kind in TYPES else {}) | property_
        sample.update((name, said[key]) for key in ("sample", "example") if key in said)
        if "default" in said:
            defaults[name] = said["default"]
        schema[name]["required"] = "default" not in said and said.get("required", True) is not False
    notes += [Note("outputs", "is no schema of an answer here", "give output.schema")] if front.get("outputs") else []
    return schema, defaults, sample


def _with_defaults(text: str, defaults: Mapping[str, Any]) -> str:
    """Return a template of plain names, with the defaults of those that have one."""

    def written(match: re.Match[str]) -> str:
        name = match[1]
        scalar = name in defaults and not isinstance(defaults[name], dict | list)
        shown = f" | default({json.dumps(defaults[name], ensure_ascii=False)})" if scalar else ""
        return f"{{{{{name}{shown}}}}}"

    return re.sub(r"\{\{-?\s*([\w.]+?)\s*-?\}\}", written, text)
