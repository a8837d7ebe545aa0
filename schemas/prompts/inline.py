"""Prompts that are written inside a workflow's nodes, in place of ``prompt_ref``.

``prompt: "Summarise {{content}}"``, or ``prompt: {system: "...", user: "..."}``, of which ``system`` becomes the node's
field of that name. At registration the text becomes a version of the prompt ``<workflow>.<node>``, and the node names
that version; so runs, records and hashes know registered prompts alone.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import Problem
from schemas.ids import content_hash
from schemas.prompts.form import MAX_TEMPLATE_CHARS
from schemas.records.base import Json
from schemas.spec.check.texts import prompt_problems
from schemas.spec.model import NAME_PATTERN, PinnedPrompt, WorkflowSpec
from schemas.spec.text.read import Document
from schemas.templates import parse_stored

FIELD = "prompt"
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
    taken = _Taken(str(document.get("name")), [], [])
    written = taken.nodes(nodes, "dag.nodes")
    return document | {"dag": dag | {"nodes": written}} if taken.found else document, taken.found, taken.problems


def with_versions(spec: WorkflowSpec, prompts: Mapping[str, PinnedPrompt]) -> WorkflowSpec:
    """Return a spec whose nodes name these versions of inline prompts, given by the nodes' ids."""
    if not prompts:
        return spec
    document = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for node in document["dag"]["nodes"]:
        for one in (node, *node["config"].get("body", ())):
            if (prompt := prompts.get(one["id"])) is not None:
                one["config"]["prompt_ref"] = f"{prompt.name}@{prompt.version}"
    return WorkflowSpec.model_validate(document)


def renamed(problem: Problem, places: Collection[str]) -> Problem:
    """Return a problem of a node's prompt with the place where it is written; ``places`` are nodes with one."""
    if problem.path.removesuffix(".config.prompt_ref") not in places or not problem.path.endswith("_ref"):
        return problem
    return Problem(problem.path.removesuffix("_ref"), problem.message, problem.fix)


@dataclass(frozen=True, slots=True)
class _Taken:
    """The prompts that were found so far in a workflow of this name, and their problems."""

    workflow: str
    found: list[InlinePrompt]
    problems: list[Problem]

    def nodes(self, nodes: list[Json], path: str) -> list[Json]:
        """Return nodes with names in place of their prompts, those of loops' bodies included."""
        return [self._node(node, f"{path}[{index}]") for index, node in enumerate(nodes)]

    def _node(self, node: Json, path: str) -> Json:
        config = node.get("config") if isinstance(node, dict) else None
        if not isinstance(node, dict) or not isinstance(config, dict):
            return node
        body = config.get("body")
        if node.get("type") == "loop" and isinstance(body, list):
            return node | {"config": config | {"body": self.nodes(body, f"{path}.config.body")}}
        if node.get("type") not in _KINDS or FIELD not in config:
            return node
        system, user = _parts(config[FIELD])
        prompt = InlinePrompt(str(node.get("id")), f"{self.workflow}.{node.get('id')}", user)
        self.problems.extend(_problems(f"{path}.config", prompt, config))
        self.found.append(prompt)
        rest = {name: value for name, value in config.items() if name != FIELD}
        return node | {"config": rest | {"prompt_ref": prompt.name} | ({"system": system} if system else {})}


def _parts(prompt: Json) -> tuple[str, str]:
    """Return the system part and the user's part of a prompt, empty where they are no texts."""
    if not isinstance(prompt, dict):
        return "", prompt if isinstance(prompt, str) else ""
    system, user = (prompt.get(part) for part in _PARTS)
    return system if isinstance(system, str) else "", user if isinstance(user, str) else ""


def _problems(path: str, prompt: InlinePrompt, config: Mapping[str, Any]) -> Iterator[Problem]:
    where = f"{path}.{FIELD}"
    if "prompt_ref" in config:
        yield Problem(where, "a node has either `prompt` or `prompt_ref`, this one has both", "remove one of them")
    if isinstance(config[FIELD], dict) and "system" in config and "system" in config[FIELD]:
        yield Problem(f"{path}.system", "is given twice: here and in `prompt`", "remove one of them")
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
    for part in parse_stored(prompt.template).parts:
        said = f"includes the prompt '{part.ref}', and a prompt inside of a node includes none"
        yield Problem(where, said, "create it with POST /api/v1/prompts, and name it with `prompt_ref`")


def _well_formed(prompt: Any) -> bool:
    if not isinstance(prompt, dict):
        return isinstance(prompt, str)
    return "user" in prompt and all(name in _PARTS and isinstance(text, str) for name, text in prompt.items())
