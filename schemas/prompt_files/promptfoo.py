"""Configurations of promptfoo: prompts, tests with variables and assertions, read and written."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.prompt_files.assertions import read_assertions, written_assertions
from schemas.prompt_files.exported import to_nunjucks
from schemas.prompt_files.front_matter import SPACE
from schemas.prompt_files.imported import Imported, dialect_of, missing_note
from schemas.prompt_files.own import checked
from schemas.prompt_files.problems import Note, dropped, invalid, list_of, mapping_of, not_exported
from schemas.prompt_files.yaml_lines import yaml_text
from schemas.spec.text.read import read_document

MAX_CASES = 10_000
_FIELDS = frozenset({"description", "prompts", "providers", "tests", "defaultTest"})
_TEST = frozenset({"description", "vars", "assert", "metadata"})
_PARAMETERS = {
    "temperature": "temperature",
    "max_tokens": "max_tokens",
    "top_p": "top_p",
    "stop": "stop",
    "seed": "seed",
}
_ROLES = frozenset({"system", "developer", "user", "assistant"})

#: What makes a value a template in promptfoo, and how it stands there as text.
_MARK = re.compile(r"\{\{|\{%|\{#")
_PROTECTED = re.compile(r'\{\{ "(\{\{|\{%|\{#)" \}\}')

#: Returns the text of a file that a configuration names, or raises ``InvalidSpec``.
ReadFile = Callable[[str], str]


def read_promptfoo(text: str, name: str, read_file: ReadFile) -> list[Imported]:
    """Return the prompts of a configuration, each with its cases and scorers. Raises ``InvalidSpec``.

    The first is called ``name``, unless the configuration names it, and others ``name_2`` and so on.
    """
    config = read_document(text, "prompts, providers and tests")
    notes = dropped(*(key for key in config if key not in _FIELDS))
    cases, scorers = _tests(config, notes)
    parameters = _parameters(config, notes)
    written = config.get("prompts") or []
    prompts = [written] if isinstance(written, str | dict) else written
    if not isinstance(prompts, list) or not prompts:
        raise invalid("prompts", "has no prompts", "write a list of texts, or of files: file://prompt.txt")
    found = []
    for n, one in enumerate(prompts, start=1):
        own = list(notes)
        body = {"name": name if n == 1 else f"{name}_{n}", **_texts(one, f"prompts[{n - 1}]", read_file)}
        texts = [body["template"]] if "template" in body else [each["template"] for each in body["messages"]]
        body["dialect"] = dialect_of(*texts)
        own += missing_note(body["dialect"])
        if isinstance(config.get("description"), str):
            body["message"] = config["description"]
        found.append(Imported(checked(body | {"parameters": parameters}), own, cases, scorers))
    return found


def write_promptfoo(
    prompt: CreatePrompt, cases: Sequence[Mapping[str, Any]], scorers: Sequence[dict[str, Any]]
) -> tuple[str, list[Note]]:
    """Return a configuration with one prompt, and what it does not say. Raises ``InvalidSpec`` for a template."""
    notes: list[Note] = []
    config: dict[str, Any] = {"description": prompt.message or f"The prompt {prompt.name}"}
    if prompt.messages:
        chat = [{"role": one.role, "content": to_nunjucks(one.template, prompt, notes)} for one in prompt.messages]
        config["prompts"] = [json.dumps(chat, ensure_ascii=False, indent=1)]
        if any(one.images for one in prompt.messages):
            raise invalid("messages", "images have no counterpart in promptfoo", "export a prompt without images")
    else:
        config["prompts"] = [to_nunjucks(prompt.template or "", prompt, notes)]
    config["providers"] = [_provider(prompt, notes)]
    config["tests"] = [_test(case, scorers, notes) for case in cases]
    notes += not_exported(*(name for name in ("output_schema", "tools") if getattr(prompt, name)))
    return yaml_text(config), list(dict.fromkeys(notes))


def _texts(one: Any, path: str, read_file: ReadFile) -> dict[str, Any]:
    said = one if isinstance(one, dict) else {"raw": one}
    text = said.get("raw") or said.get("id")
    if not isinstance(text, str):
        raise invalid(path, "has no text", "write the text itself, or file://prompt.txt")
    if text.startswith("file://"):
        place = text.removeprefix("file://")
        if not place.endswith((".txt", ".md", ".json", ".yaml", ".yml")):
            raise invalid(path, f"{place} is a program, which has no counterpart here", "write the text itself")
        text = read_file(place)
    return {"messages": chat} if (chat := _chat(text, path)) else {"template": text.strip(SPACE)}


def _chat(text: str, path: str) -> list[dict[str, str]]:
    """Return the messages of a text that is a list of them in JSON."""
    if not text.lstrip().startswith("["):
        return []
    try:
        said = json.loads(text)
    except ValueError:
        return []
    messages = []
    for one in said:
        if not isinstance(one, dict) or one.get("role") not in _ROLES or not isinstance(one.get("content"), str):
            raise invalid(path, "has a message that is no text of a role", "write {role, content} with a text each")
        messages.append({"role": str(one["role"]), "template": str(one["content"])})
    return messages


def _parameters(config: Mapping[str, Any], notes: list[Note]) -> dict[str, Any]:
    written = config.get("providers") or []
    providers = written if isinstance(written, list) else [written]
    if not providers:
        return {}
    notes += [
        Note(f"providers[{n}]", "is dropped: a version names one model", "evaluate again with --model")
        for n in range(1, len(providers))
    ]
    first = providers[0] if isinstance(providers[0], dict) else {"id": providers[0]}
    parts = str(first.get("id", "")).split(":")
    found: dict[str, Any] = {"provider": parts[0], "model": parts[-1]} if len(parts) > 1 else {}
    if not found:
        notes.append(Note("providers[0]", "names no model of a provider", "write openai:gpt-4o"))
    for key, value in mapping_of(first.get("config"), "providers[0].config").items():
        if key in _PARAMETERS:
            found[key] = [value] if key == "stop" and isinstance(value, str) else value
        else:
            notes += dropped(f"providers[0].config.{key}")
    return found


def _tests(config: Mapping[str, Any], notes: list[Note]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    default = mapping_of(config.get("defaultTest"), "defaultTest")
    common = mapping_of(default.get("vars"), "defaultTest.vars")
    written = config.get("tests") or []
    if not isinstance(written, list):
        raise invalid(
            "tests",
            "is a file or a generator",
            "write the tests into the configuration, or import the CSV as a dataset",
        )
    cases: list[dict[str, Any]] = []
    asserted: list[list[Mapping[str, Any]]] = []
    for n, test in enumerate(written):
        if not isinstance(test, dict):
            raise invalid(f"tests[{n}]", "is a file", "write the test into the configuration")
        notes += [
            Note(f"tests[{n}].{key}", "has no counterpart here", "it is dropped") for key in test if key not in _TEST
        ]
        for inputs in islice(_combined(common | mapping_of(test.get("vars"), f"tests[{n}].vars")), MAX_CASES + 1):
            cases.append({"id": f"test-{len(cases) + 1}", "inputs": inputs})
            asserted.append(_assertions(test, f"tests[{n}]"))
        if len(cases) > MAX_CASES:
            raise invalid("tests", f"makes more than {MAX_CASES} cases", "make fewer combinations of variables")
    read = read_assertions(_assertions(default, "defaultTest"), asserted, notes)
    for case, expected in zip(cases, read.expected, strict=True):
        if expected is not None:
            case["expected"] = expected
    return cases, read.scorers


def _assertions(test: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    return [mapping_of(one, f"{path}.assert") for one in list_of(test.get("assert"), f"{path}.assert")]


def _combined(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the variables of each case: a list of values is a case for each of them."""
    lists = [value if isinstance(value, list) else [value] for value in values.values()]
    for chosen in product(*lists):
        yield dict(zip(values, map(_bare, chosen), strict=True))


def _provider(prompt: CreatePrompt, notes: list[Note]) -> Any:
    said = prompt.parameters.model_dump(mode="json", exclude_defaults=True)
    provider, model = said.pop("provider", None), said.pop("model", None)
    if not provider or not model:
        notes.append(Note("providers", "names a stand-in: the prompt pins no model", "correct it in the file"))
        provider, model = provider or "openai", model or "gpt-4o-mini"
    if said.pop("reasoning_effort", None) is not None:
        notes += not_exported("reasoning_effort")
    named = f"{provider}:{model}" if provider != "anthropic" else f"anthropic:messages:{model}"
    return {"id": named, "config": said} if said else named


def _protected(value: Any) -> Any:
    """Return a value that promptfoo reads as it is: it renders values as templates, and we insert them once."""
    if isinstance(value, dict):
        return {name: _protected(one) for name, one in value.items()}
    return _MARK.sub(lambda found: f'{{{{ "{found[0]}" }}}}', value) if isinstance(value, str) else value


def _bare(value: Any) -> Any:
    """Return a value of a test without what protects it."""
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items()}
    return _PROTECTED.sub(lambda found: found[1], value) if isinstance(value, str) else value


def _test(case: Mapping[str, Any], scorers: Sequence[dict[str, Any]], notes: list[Note]) -> dict[str, Any]:
    values = {name: json.dumps(value) if isinstance(value, list) else value for name, value in case["inputs"].items()}
    if any(isinstance(value, list) for value in case["inputs"].values()):
        notes.append(Note("lists", "are texts of JSON there: a list of values is many cases", "write them as texts"))
    values = {name: _protected(value) for name, value in values.items()}
    asserted = written_assertions(scorers, case.get("expected"), notes)
    found: dict[str, Any] = {"description": str(case.get("id", ""))} if case.get("id") else {}
    return {**found, "vars": values} | ({"assert": asserted} if asserted else {})
