"""Runs about people: each kind brings a planted string through another part of the engine.

| kind | brings the string through |
|---|---|
| `letter` | an input, a function, a prompt's values, a model's answer, a merge |
| `archive` | an input over the limit of records, so stored objects |
| `parts` | a map over a function's list, its children and their list |
| `choice` | a condition on the output of a function |
| `answer` | a signal from outside, for which the run waits |
| `mishap` | a step whose error could quote its argument, and one that runs although it failed |
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.privacy.erasure.planted import Stem

Json = dict[str, Any]
PROMPT = {"name": "person_note", "version": 1, "template": "Say something short about {{.text}}"}
SIGNAL = "answer"
_RETRIES = {"retries": {"max_attempts": 6, "initial_ms": 100}}
#: Over the limit of a record, so that the input and what a step makes of it are stored.
ARCHIVE_CHARS = 90_000
_SPLIT = {"function_name": "text_splitter", "function_args": {"chunk_size": 400, "text": "{{text}}"}}


def _node(id_: str, type_: str, **config: Any) -> Json:
    return {"id": id_, "type": type_, "config": config, "policy": _RETRIES}


def _llm(id_: str, text: str, **more: Any) -> Json:
    return _node(id_, "llm", prompt_ref="person_note@1", model="local-echo", inputs={"text": text}, **more)


def _merge(id_: str, **inputs: str) -> Json:
    args = {"strategy": "concat"}
    return _node(id_, "function", function_name="result_merger", function_args=args, inputs=inputs)


def _chain(name: str, *nodes: Json) -> Json:
    edges = [{"from": one["id"], "to": other["id"]} for one, other in itertools.pairwise(nodes)]
    return {"name": name, "version": 1, "dag": {"nodes": list(nodes), "edges": edges}}


def workflows() -> Mapping[str, Json]:
    """Return the workflow of each kind."""
    split = _node("split", "function", **_SPLIT)
    route = _node("route", "function", function_name="complexity_router", inputs={"text": "{{text}}"})
    wrong = {"key": "{{text}}"}
    return {
        "letter": _chain(
            "person_letter", split, _llm("ask", "split.output"), _merge("merge", a="split.output", b="ask.output")
        ),
        "archive": _chain("person_archive", split, _merge("merge", a="split.output")),
        "parts": _chain(
            "person_parts", split, _llm("each", "{{.item}}", parallel=True), _merge("merge", a="each.output")
        ),
        "choice": _chain(
            "person_choice",
            route,
            _llm("ask", "{{text}}", condition="route.output.route == 'simple'"),
            _merge("merge", a="ask.output"),
        ),
        "answer": _chain("person_answer", _node("wait", "signal", name=SIGNAL), _llm("ask", "wait.output")),
        "mishap": _chain(
            "person_mishap",
            _node("fetch", "tool", tool_name="s3.fetch", tool_args=wrong) | {"policy": {"optional": True}},
            _merge("merge", a="{{text}}"),
        ),
    }


KINDS = tuple(workflows())


@dataclass(frozen=True)
class Person:
    """A person of a game. The id is what a caller names it by, and has a mark, since no store may have it either."""

    stem: Stem
    number: int

    @property
    def id(self) -> str:
        """Return the caller's id."""
        return f"{self.stem.marks(self.number)[0]}@id.example"

    @property
    def string(self) -> str:
        """Return the planted string."""
        return self.stem.string(self.number)

    @property
    def kind(self) -> str:
        """Return the kind of its first run."""
        return KINDS[self.number % len(KINDS)]

    def body(self, kind: str, *, named: bool = True) -> Json:
        """Return a submission; without a subject it is a control that must be found in the stores."""
        text = f"A letter of {self.string}. It has two sentences."
        if kind == "archive":
            text = " ".join([text] * (ARCHIVE_CHARS // len(text)))
        inputs = {} if kind == "answer" else {"text": text}
        return {"workflow_name": f"person_{kind}", "inputs": inputs} | ({"subject": self.id} if named else {})

    def signal(self) -> Json:
        """Return the signal's value."""
        return {"said": f"The answer of {self.string}."}
