"""Prompts that are written inside a workflow's nodes, in place of ``prompt_ref``.

``prompt: "Summarise {{content}}"``, or ``prompt: {system: "...", user: "..."}``, which is one text: the system part, an
empty line, the user's part. At registration each becomes a version of the prompt ``<workflow>.<node>``, and the node
names that version; so runs, records and hashes know registered prompts alone.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import Problem
from schemas.ids import content_hash
from schemas.spec.check.texts import prompt_problems
from schemas.spec.model import NAME_PATTERN, PinnedPrompt, WorkflowSpec
from schemas.spec.read import Document

FIELD = "prompt"
MAX_TEMPLATE_CHARS = 256 * 1024
_KINDS = frozenset({"llm", "agent"})
_PARTS = ("system", "user")


@dataclass(frozen=True, slots=True)
class InlinePrompt:
    """A prompt that is written inside the node ``node``: the name that it gets, and its text."""

    node: str
    name: str
    template: str

    @property
    def hash(self) -> str:
        """The SHA-256 of the text."""
        return content_hash(self.template.encode())

    def pinned(self, version: int) -> PinnedPrompt:
        """Return the prompt as a run uses it."""
        return PinnedPrompt(name=self.name, version=version, template=self.template, hash=self.hash)


def take_inline(document: Document) -> tuple[Document, list[InlinePrompt], list[Problem]]:
    """Return a document with the names of its inline prompts in their places, the prompts, and their problems."""
    dag = document.get("dag")
    nodes = dag.get("nodes") if isinstance(dag, dict) else None
    if not isinstance(dag, dict) or not isinstance(nodes, list):
        return document, [], []
    found: list[InlinePrompt] = []
    problems: list[Problem] = []
    written = _taken(nodes, "dag.nodes", str(document.get("name")), found, problems)
    return document | {"dag": dag | {"nodes": written}} if found else document, found, problems


def _taken(nodes: list[Any], path: str, workflow: str, found: list[InlinePrompt], problems: list[Problem]) -> list[Any]:
    """Return nodes, those of loops' bodies as well, with the names of their inline prompts in their places."""
    written = list(nodes)
    for index, node in enumerate(nodes):
        place = f"{path}[{index}].config"
        match node:
            case {"config": {"body": [*body]} as looped}:
                inner = _taken(body, f"{place}.body", workflow, found, problems)
                written[index] = node | {"config": looped | {"body": inner}}
        config = _config(node)
        if config is not None:
            prompt = InlinePrompt(str(node.get("id")), f"{workflow}.{node.get('id')}", _text(config[FIELD]))
            problems += _problems(place, prompt, config)
            found.append(prompt)
            rest = {name: value for name, value in config.items() if name != FIELD}
            written[index] = node | {"config": rest | {"prompt_ref": prompt.name}}
    return written


def with_versions(spec: WorkflowSpec, prompts: Mapping[str, PinnedPrompt]) -> WorkflowSpec:
    """Return a spec whose nodes name these versions of inline prompts, given by the nodes' ids."""
    if not prompts:
        return spec
    document = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    nodes = document["dag"]["nodes"]
    bodies = [outer["config"].get("body", []) for outer in nodes]
    for node in (*nodes, *(inner for body in bodies for inner in body)):
        if (prompt := prompts.get(node["id"])) is not None:
            node["config"]["prompt_ref"] = f"{prompt.name}@{prompt.version}"
    return WorkflowSpec.model_validate(document)


def renamed(problem: Problem, inline: Collection[str]) -> Problem:
    """Return a problem of a node's prompt with the place where it is written; ``inline`` are the paths of nodes."""
    place, _, field = problem.path.rpartition(".config.prompt_ref")
    if field or place not in inline:
        return problem
    return Problem(problem.path.removesuffix("_ref"), problem.message, problem.fix)


def _config(node: Any) -> dict[str, Any] | None:
    """Return the config of a node with an inline prompt."""
    if not isinstance(node, dict) or node.get("type") not in _KINDS:
        return None
    config = node.get("config")
    return config if isinstance(config, dict) and FIELD in config else None


def _text(prompt: Any) -> str:
    if isinstance(prompt, dict):
        return "\n\n".join(str(prompt[part]) for part in _PARTS if prompt.get(part))
    return prompt if isinstance(prompt, str) else ""


def _problems(path: str, prompt: InlinePrompt, config: Mapping[str, Any]) -> Iterator[Problem]:
    where = f"{path}.{FIELD}"
    if "prompt_ref" in config:
        yield Problem(where, "a node has either `prompt` or `prompt_ref`, this one has both", "remove one of them")
    if not _well_formed(config[FIELD]):
        yield Problem(
            where, "is neither a text nor {system, user}", 'write prompt: "..." or {system: "...", user: "..."}'
        )
    elif not prompt.template.strip():
        yield Problem(where, "is empty", "write what the model is asked")
    elif len(prompt.template) > MAX_TEMPLATE_CHARS:
        said = f"has {len(prompt.template)} characters, the maximum is {MAX_TEMPLATE_CHARS}"
        yield Problem(where, said, "give long texts as inputs")
    elif "\0" in prompt.template:
        yield Problem(where, "has the character U+0000", "remove it")
    if re.fullmatch(NAME_PATTERN, prompt.name) is None and len(prompt.name) > 128:
        said = f"the prompt would be named '{prompt.name[:40]}...', which has over 128 characters"
        yield Problem(where, said, "shorten the name of the workflow or of the node")
    yield from prompt_problems(where, prompt.template)


def _well_formed(prompt: Any) -> bool:
    if not isinstance(prompt, dict):
        return isinstance(prompt, str)
    return "user" in prompt and all(name in _PARTS and isinstance(text, str) for name, text in prompt.items())
