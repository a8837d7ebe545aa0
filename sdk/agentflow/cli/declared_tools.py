"""What a file declares of tools: the decorators of a worker's functions, or a mapping of tools as in a policy."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.units import read_text

Declared = dict[str, Any]
_FIELDS = ("source", "fields", "readers", "effects", "sinks", "reads_when", "pure")


def declared_tools(file: str) -> dict[str, Declared | None]:
    """Return the declarations of a file by tool; ``None`` for a tool of which it says nothing.

    A Python file is executed, as ``agentflow worker`` does. Raises ``CliError`` for a file that cannot be read.
    """
    found = dict(_of_python(file) if file.endswith(".py") else _of_document(file))
    if not found:
        raise CliError(f"{file} has no tool", "decorate a function with @tool, or write NAME: {effects: true}", USAGE)
    return found


def _of_python(file: str) -> Iterator[tuple[str, Declared | None]]:
    from agentflow.worker.functions import Functions

    try:
        functions = Functions.load(Path(file))
    except Exception as exc:
        # The file is its author's: whatever it raises says why it cannot be loaded.
        raise CliError(f"{file} cannot be loaded: {exc}", "run it with python to see where", USAGE) from exc
    for declaration in functions.declarations("tool"):
        said = {name: one for name, one in declaration["options"].items() if name in _FIELDS}
        yield declaration["name"], _body(said) if said else None


def _of_document(file: str) -> Iterator[tuple[str, Declared | None]]:
    import yaml

    try:
        found = yaml.safe_load(read_text(file))
    except yaml.YAMLError as exc:
        raise CliError(
            f"{file} is no YAML: {exc}", "write NAME: {effects: true, sinks: {to: recipient}}", USAGE
        ) from exc
    tools = found.get("tools", found) if isinstance(found, dict) else found
    if not isinstance(tools, dict) or not all(isinstance(one, dict) for one in tools.values()):
        fix = "write NAME: {effects: true, sinks: {to: recipient}} for each tool, as under `tools` of a policy"
        raise CliError(f"{file} is no mapping of tools", fix, USAGE)
    for name, said in tools.items():
        yield str(name), _body(said)


def _body(said: Mapping[str, Any]) -> Declared:
    """Return a declaration as the API takes it. The API checks it; what it does not know stays, to be refused."""
    body = dict(said)
    if "source" in body:
        body["source"] = _words(body["source"])
    if isinstance(body.get("fields"), Mapping):
        body["fields"] = {path: _words(words) for path, words in body["fields"].items()}
    if isinstance(body.get("readers"), str):
        body["readers"] = {"$": body["readers"]}
    if isinstance(body.get("reads_when"), Mapping):
        body["reads_when"] = {name: _words(values) for name, values in body["reads_when"].items()}
    return body


def _words(value: Any) -> Any:
    if isinstance(value, str):
        return value.split()
    return list(value) if isinstance(value, Iterable) and not isinstance(value, Mapping) else value
