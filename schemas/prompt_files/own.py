"""AgentFlow's own files of prompts: front matter in YAML, and the text or the messages as a body in Markdown.

The body is the template without the white space around it. A template that has some, or that looks like a mark of a
role, is in the front matter instead: so every prompt can be written, and is read back as the same.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.errors import InvalidInput, InvalidSpec, Problem
from schemas.prompt_files.front_matter import SPACE, part
from schemas.prompt_files.problems import invalid, mapping_of
from schemas.prompt_files.roles import body_of, fits, messages_of
from schemas.prompt_files.yaml_lines import yaml_text
from schemas.prompts.form import PromptParameters
from schemas.prompts.input_schemas import input_schema_of, schema_of

#: The end of the names of such files.
SUFFIX = ".prompt.md"
_HEAD = ("name", "project", "labels", "message", "dialect")
_BODY = (*_HEAD, "tools", "repair")
_ROUTE = ("provider", "model")
_FIELDS = (*_BODY, *_ROUTE, "config", "input", "output", "template", "messages")
_CONFIG = frozenset(PromptParameters.model_fields) - set(_ROUTE)


def read_prompt(text: str, name: str | None = None) -> CreatePrompt:
    """Return the prompt of a file. ``name`` is used where the file gives none. Raises ``InvalidSpec``."""
    parted = part(text)
    front = dict(parted.front or {})
    _refuse_unknown(front)
    body = {key: front[key] for key in _BODY if key in front}
    body.setdefault("name", name)
    body["parameters"] = {**_config(front), **{key: front[key] for key in _ROUTE if key in front}}
    body |= _schemas(front) | _texts(front, parted.body)
    return checked(body)


def write_prompt(prompt: CreatePrompt) -> str:
    """Return the file of a prompt. ``read_prompt`` returns the same prompt; ``version`` and ``parent`` are no part."""
    said = prompt.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    front = {key: said[key] for key in _HEAD if key in said}
    config = dict(said.get("parameters", {}))
    front |= {key: config.pop(key) for key in _ROUTE if key in config}
    if config:
        front["config"] = config
    if "schema" in said:
        front["input"] = {"schema": said["schema"]}
    if "output_schema" in said:
        front["output"] = {"schema": said["output_schema"]}
    front |= {key: said[key] for key in ("repair", "tools") if key in said}
    if prompt.messages and all(fits(message.template) for message in prompt.messages):
        return _file(front, body_of(prompt.messages))
    if prompt.messages:
        return _file(front | {"messages": said["messages"]}, "")
    template = prompt.template or ""
    return _file(front, template) if fits(template) else _file(front | {"template": template}, "")


def checked(body: Mapping[str, Any]) -> CreatePrompt:
    """Return the prompt that a body of the API says. Raises ``InvalidSpec`` with every problem."""
    try:
        return CreatePrompt.model_validate(body)
    except ValidationError as exc:
        raise InvalidSpec(tuple(map(_problem, exc.errors(include_url=False)))) from None


def _file(front: Mapping[str, Any], body: str) -> str:
    return f"---\n{yaml_text(front)}---\n{body}\n" if body else f"---\n{yaml_text(front)}---\n"


def _refuse_unknown(front: Mapping[str, Any]) -> None:
    problems = [
        Problem(name, "is no field of a prompt file", f"remove it; the fields are {', '.join(_FIELDS)}")
        for name in front
        if name not in _FIELDS
    ]
    if problems:
        raise InvalidSpec(tuple(problems))


def _config(front: Mapping[str, Any]) -> dict[str, Any]:
    config = mapping_of(front.get("config") or {}, "config")
    for name in config:
        if name not in _CONFIG:
            raise invalid(f"config.{name}", "is no parameter of a call", f"write one of {', '.join(sorted(_CONFIG))}")
    return config


def _schemas(front: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas: that of the values as it is written, that of the answer as JSON Schema."""
    found: dict[str, Any] = {}
    given, answer = _section(front, "input"), _section(front, "output")
    try:
        if given is not None:
            input_schema_of(given, "input.schema")
            found["schema"] = given
        if answer is not None:
            found["output_schema"] = schema_of(answer, "output.schema")
    except InvalidInput as exc:
        raise InvalidSpec(exc.problems) from None
    return found


def _section(front: Mapping[str, Any], name: str) -> Any:
    section = mapping_of(front.get(name) or {}, name)
    for key in section:
        if key == "default":
            fix = 'write {{name | default("text")}} where the value is used'
            raise invalid(f"{name}.default", "values have no defaults here", fix)
        if key != "schema":
            raise invalid(f"{name}.{key}", f"is no field of {name}", f"write {name}: {{schema: ...}}")
    return section.get("schema")


def _texts(front: Mapping[str, Any], body: str) -> dict[str, Any]:
    written = {key: front[key] for key in ("template", "messages") if key in front}
    if written and body.strip(SPACE):
        fix = f"remove the body, or {next(iter(written))}"
        raise invalid("", "the text is given twice, in the front matter and as the body", fix)
    if written:
        return written
    messages = messages_of(body)
    if messages:
        return {"messages": [vars(one) for one in messages]}
    if not body.strip(SPACE):
        raise invalid("template", "the file has no text", "write it below the front matter")
    return {"template": body.strip(SPACE)}


def _problem(error: Any) -> Problem:
    path = ""
    for key in error["loc"]:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
    message = str(error["msg"]).removeprefix("Value error, ")
    return Problem(path.removeprefix("parameters."), message[0].lower() + message[1:], "correct it")
