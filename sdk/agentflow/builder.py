"""Workflows in Python: the same document as YAML, from one expression."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Self

from agentflow.modifiers import Modifiers
from agentflow.nodes import Node, given, milliseconds, plain
from agentflow.yaml_text import yaml_text

if TYPE_CHECKING:
    from agentflow.checking import Checked
    from agentflow.given_prompts import Prompts


class Nodes(Modifiers):
    """Adds nodes. Each method returns the builder, so that what follows says more of the node."""

    def __init__(self) -> None:
        self._nodes = []

    def node(self, node_id: str, kind: str, /, **config: Any) -> Self:
        """Add a node of any type, with the fields of its config."""
        self._nodes.append(Node(node_id, kind, config))
        return self

    def tool(self, node_id: str, name: str, args: Mapping[str, Any] | None = None, **more: Any) -> Self:
        """Add a call of a tool. ``args`` bind as ``inputs`` do; what it gives must follow an ``output_schema``."""
        return self.node(node_id, "tool", tool_name=name, **given(tool_args=args and dict(args)), **more)

    def function(self, node_id: str, name: str, args: Mapping[str, Any] | None = None, **more: Any) -> Self:
        """Add a call of a pure function; what it gives must follow an ``output_schema``."""
        return self.node(node_id, "function", function_name=name, **given(function_args=args and dict(args)), **more)

    def llm(
        self, node_id: str, prompt_ref: str | None = None, *, prompt: str | Mapping[str, str] | None = None, **more: Any
    ) -> Self:
        """Add a call of a model, with a registered prompt (``name@version``) or the text of one."""
        return self.node(node_id, "llm", **given(prompt_ref=prompt_ref, prompt=prompt), **more)

    def agent(
        self,
        node_id: str,
        prompt_ref: str | None = None,
        *,
        tools: Iterable[str] | None = None,
        prompt: str | Mapping[str, str] | None = None,
        **more: Any,
    ) -> Self:
        """Add a model that may call ``tools`` until it answers. Without them they are those of its prompt's version."""
        named = None if tools is None else list(tools)
        return self.node(node_id, "agent", **given(prompt_ref=prompt_ref, prompt=prompt, tools=named), **more)

    def switch(
        self,
        node_id: str,
        cases: Mapping[str, str | list[str]],
        *,
        default: str | list[str] | None = None,
    ) -> Self:
        """Add a fork: the first condition that holds chooses the successors, ``default`` if none does."""
        chosen = [{"when": when, "to": to} for when, to in cases.items()]
        return self.node(node_id, "switch", cases=chosen, **given(default=default))

    def wait(
        self,
        node_id: str,
        seconds: float | timedelta | None = None,
        *,
        ms: int | None = None,
        until: str | None = None,
    ) -> Self:
        """Add a pause, for a time or ``until`` a time in RFC 3339."""
        if until is not None:
            return self.node(node_id, "wait", until=until)
        return self.node(node_id, "wait", duration_ms=milliseconds(seconds, ms))

    def signal(self, node_id: str, name: str, *, timeout: float | timedelta | None = None, default: Any = None) -> Self:
        """Add a wait for an event from outside. ``timeout`` is in seconds; ``default`` is the output after it."""
        timeout_ms = None if timeout is None else milliseconds(timeout, None)
        return self.node(node_id, "signal", name=name, **given(timeout_ms=timeout_ms, default=default))

    def workflow(
        self,
        node_id: str,
        name: str,
        *,
        version: int | None = None,
        detach: bool = False,
        max_cost_cents: Decimal | float | str | None = None,
    ) -> Self:
        """Add a run of another workflow; with ``detach`` the step does not wait for it."""
        more = given(version=version, detach=detach or None, max_cost_cents=max_cost_cents)
        return self.node(node_id, "workflow", workflow=name, **more)

    def loop(
        self,
        node_id: str,
        body: "Body",
        *,
        max_iterations: int,
        until: str | None = None,
        while_: str | None = None,
        on_exhausted: Literal["fail", "last"] | None = None,
        output: str | None = None,
    ) -> Self:
        """Add a body of nodes that runs again, ``until`` a condition holds after an iteration or ``while_`` before."""
        more = given(until=until, on_exhausted=on_exhausted, output=output, **{"while": while_})
        return self.node(node_id, "loop", max_iterations=max_iterations, **more, **body.part())

    def nodes(self) -> list[dict[str, Any]]:
        """Return the nodes as the document has them."""
        return [node.document() for node in self._nodes]

    def edges(self) -> list[dict[str, str]]:
        """Return the edges as the document has them."""
        return [{"from": source, "to": node.id} for node in self._nodes for source in node.after]


class Body(Nodes):
    """The nodes of a loop's body, built as a workflow's are.

    Body().llm("draft", "writer@1").llm("judge", "judge@1").inputs(text="draft.output").depends_on("draft")
    """

    def part(self) -> dict[str, Any]:
        """Return the fields of the loop's config."""
        return {"body": self.nodes()} | ({"edges": self.edges()} if self.edges() else {})


class Workflow(Nodes):
    """A workflow document that is built step by step.

        Workflow("document_analysis").version(1)
        .tool("ingest", "s3.fetch", {"bucket": "documents", "key": "{{document_key}}"})
        .llm("analyze", "document_analyzer@3").quality("Gold").inputs(content="ingest.output").depends_on("ingest")
        .end()

    ``str`` of it is YAML. ``client.workflows.register`` takes it as it is.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._head: dict[str, Any] = {"name": name, "version": 1}
        self._dag: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._head["name"])

    def version(self, number: int) -> Self:
        """Set the version, by default 1. A registered version never changes."""
        self._head["version"] = number
        return self

    def description(self, text: str) -> Self:
        """Describe the workflow."""
        self._head["description"] = text
        return self

    def allow_unknown_inputs(self) -> Self:
        """Accept runs with inputs that nothing reads."""
        self._head["allow_unknown_inputs"] = True
        return self

    def cache_all(self, policy: bool | Mapping[str, Any] = True) -> Self:
        """Let earlier answers be used in all nodes of models that say nothing else."""
        self._head["cache"] = policy if isinstance(policy, bool) else dict(policy)
        return self

    def input_schema(self, schema: Mapping[str, Any]) -> Self:
        """Set the JSON schema that the inputs of a run must follow, or it is refused."""
        self._head["input_schema"] = dict(schema)
        return self

    def output_schema(self, schema: Mapping[str, Any]) -> Self:
        """Set the JSON schema of the output of a run: an object of what the last nodes gave, by their ids."""
        self._head["output_schema"] = dict(schema)
        return self

    def require_subject(self) -> Self:
        """Refuse runs without a data subject, and check now what runs with one cannot do."""
        self._head["subject"] = "required"
        return self

    def max_parallel(self, steps: int) -> Self:
        """Set how many steps of a run may be open at once."""
        self._dag["max_parallel"] = steps
        return self

    def deadline(self, seconds: float | timedelta | None = None, *, ms: int | None = None) -> Self:
        """Set the longest time from a run's submission to its end."""
        self._dag["deadline_ms"] = milliseconds(seconds, ms)
        return self

    def on_failure(self, *nodes: str) -> Self:
        """Name the first nodes that run after a failure."""
        self._dag["on_failure"] = list(nodes)
        return self

    def on_cancel(self, *nodes: str) -> Self:
        """Name the first nodes that run after a cancel."""
        self._dag["on_cancel"] = list(nodes)
        return self

    def end(self) -> Self:
        """Return the workflow. Raises ``ValueError`` when it has no node, or two with one id."""
        ids = [node.id for node in self._nodes]
        if not ids:
            raise ValueError(f"the workflow {self.name} has no node; add one, such as .tool(…)")
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"the node {twice[0]!r} is there twice; give one of them another id")
        return self

    def document(self) -> dict[str, Any]:
        """Return the workflow document as JSON values."""
        dag = {"nodes": self.nodes()} | ({"edges": self.edges()} if self.edges() else {}) | self._dag
        return {**plain(self._head), "dag": dag}

    def yaml(self) -> str:
        """Return the document as YAML."""
        return yaml_text(self.document())

    def validate(
        self,
        *,
        prompts: "Prompts | None" = None,
        tools: Collection[str] | None = None,
        functions: Collection[str] | None = None,
    ) -> "Checked":
        """Check the document by the server's rules, without a server. Raises ``InvalidWorkflow`` with every problem.

        ``prompts`` maps names or ``name@version`` to templates, or to bodies as the API takes them. What is not given
        is taken to exist as the document names it. Needs the extra ``testing``.
        """
        from agentflow.checking import check

        return check(self.document(), prompts=prompts, tools=tools, functions=functions)

    def __str__(self) -> str:
        return self.yaml()
