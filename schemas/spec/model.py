"""The workflow document, exactly as the guide writes it in YAML or JSON.

``name``, ``version``, ``dag.nodes[id, type, config, policy, join]`` and ``dag.edges[from, to]``. An unknown field is
an error, since a misspelt one would otherwise be a silent no-op. ``ResolvedSpec`` is the same document
with its prompts pinned; it travels in ``RunSubmitted`` so that the fold needs no look-up.

What is written, and hashed, leaves out every field that has its default (``schemas.spec.text.document``): a field
that is new changes no hash, and older readers can read what does not use it.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas import queues
from schemas.money import MAX_NANO, NANO_PER_CENT
from schemas.prompts.form import PromptForm
from schemas.prompts.refs import PROMPT_REF_PATTERN
from schemas.spec.caching import CachePolicy, with_cache_policy
from schemas.spec.flow import Flow
from schemas.spec.policy import Effort, Policy

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_.-]{0,127}$"
NODE_ID_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"

MAX_NODES = 1_000
#: Of one loop. Its iterations times the nodes of its body are at most ``MAX_PARALLEL``.
MAX_ITERATIONS = 1_000
#: Of a map, and of a run. It also bounds the requests that one event of a run may cause.
MAX_PARALLEL = 10_000

#: A larger map is better a list of batches.
MAX_ITEMS = 1_000_000

#: The history of a run is kept for 30 days.
MAX_DEADLINE_MS = 30 * 86_400_000

OnChildError = Literal["fail", "skip", "collect"]

Join = Literal["all", "any", "all_done"]
"""The join of a node, if not the default (all predecessors ended, and one of them succeeded)."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class _NodeConfig(_Document):
    """The fields of every node type.

    ``inputs`` binds names to values: a string that is exactly ``<ancestor>.output[.path]`` is a reference, any other
    value a literal in which ``{{variable}}`` is replaced by a run input. ``parallel: true`` maps the node over
    ``items`` (a list or a reference to one), or over its only predecessor's output without it. A node is skipped if its
    ``condition`` (``schemas.spec.conditions``) is false when it would run.

    Of a mapped node at most ``max_parallel`` children are open at once, and it fails with more than ``max_items``.
    ``on_child_error`` is the effect of a child
    that failed for good: ``fail`` its node, ``skip`` its place in the output, or ``collect`` its error there.
    """

    inputs: dict[str, Any] | None = None
    parallel: bool = False
    items: str | list[Any] | None = None
    max_parallel: int | None = Field(default=None, ge=1, le=MAX_PARALLEL)
    max_items: int | None = Field(default=None, ge=1, le=MAX_ITEMS)
    on_child_error: OnChildError = "fail"
    condition: str | None = None


#: Maximum number of a node's inputs that may be images.
MAX_IMAGES = 16


class LlmConfig(_NodeConfig):
    """One call of a model with a rendered prompt.

    ``provider`` and ``model`` pin the route; without them the quality's default route is taken. ``cache`` lets an
    identical earlier answer of the same organisation replace the call; written as an object it is ``cache_policy``.
    ``images`` names the node's inputs that are images, which the model is shown with the prompt. ``system`` is sent as
    it is written, before the prompt; ``output_schema`` is a JSON schema that the answer must follow, or the step fails;
    with ``repair`` an answer that does not is read leniently, else requested once more. A provider that
    cannot express a field fails the step by its name. ``max_input_tokens`` is what the run's budget reserves for the
    input that is not known before; it refuses nothing. ``quarantined``: it reads what must not be obeyed, so its
    answer has a closed schema (``schemas.policies.closed_schemas``) and is not streamed; a policy may endorse it for
    that. What a node leaves out its prompt's version may give, see ``schemas.prompts.effective``.
    """

    prompt_ref: str = Field(pattern=PROMPT_REF_PATTERN)
    provider: str | None = None
    model: str | None = None
    max_tokens: int = Field(default=1024, ge=1, le=1_000_000)
    max_input_tokens: int | None = Field(default=None, ge=1, le=1_000_000_000)
    temperature: float | None = Field(default=None, ge=0.0, le=2.0, allow_inf_nan=False)
    cache: bool = False
    cache_policy: CachePolicy | None = None
    images: list[str] = Field(default=[], max_length=MAX_IMAGES)
    system: str = Field(default="", max_length=32_768)
    output_schema: dict[str, Any] | None = None
    repair: bool = False
    quarantined: bool = False
    stop: list[Annotated[str, Field(min_length=1, max_length=256)]] = Field(default=[], max_length=16)
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    reasoning_effort: Effort | None = None
    top_p: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    parallel_tools: bool | None = None

    _takes_policy = model_validator(mode="before")(with_cache_policy)


class ToolConfig(_NodeConfig):
    """One call of a registered tool, which may have effects outside AgentFlow. ``tool_args`` bind like ``inputs``.

    ``tool_config`` are the constructor arguments of a tool that is a class; it is used as written. What the tool
    gives must follow ``output_schema``, a JSON schema, or the step fails.
    """

    tool_name: str
    tool_args: dict[str, Any] = {}
    tool_config: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None


class FunctionConfig(_NodeConfig):
    """One call of a registered pure function. ``function_args`` bind like ``inputs``.

    ``function_config`` are the constructor arguments of a function that is a class; it is used as written. What the
    function gives must follow ``output_schema``, a JSON schema, or the step fails.
    """

    function_name: str
    function_args: dict[str, Any] = {}
    function_config: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None


#: Ten years: longer than any workflow should be expected to last.
MAX_WAIT_MS = 315_576_000_000


class AgentConfig(LlmConfig):
    """A model that may call the ``tools`` in a loop until it answers. Each turn and each call is a step of its own.

    Without ``tools`` they are those of its prompt's version; one of them must name some. ``max_turns`` bounds the
    number of its calls, ``max_cost_cents`` their total cost; over either it fails.
    """

    tools: list[str] = Field(default=[], max_length=64)
    max_turns: int = Field(default=8, ge=1, le=100)
    max_cost_cents: Decimal | None = Field(default=None, gt=0, le=MAX_NANO // NANO_PER_CENT, allow_inf_nan=False)


class WaitConfig(_NodeConfig):
    """A pause: for ``duration_ms``, or ``until`` a time in RFC 3339, which may be a reference or hold placeholders."""

    duration_ms: int | None = Field(default=None, ge=0, le=MAX_WAIT_MS)
    until: str | None = None


class SwitchCase(_Document):
    """One branch of a switch: ``when`` is a condition, ``to`` the successors that it chooses."""

    when: str
    to: str | list[str]


class SwitchConfig(_NodeConfig):
    """A fork: the first case whose condition holds chooses the successors, ``default`` if none does.

    Successors that are not chosen are skipped, unless another edge leads to them.
    """

    cases: list[SwitchCase] = Field(min_length=1, max_length=100)
    default: str | list[str] | None = None


class SignalConfig(_NodeConfig):
    """A wait for an event from outside with the name ``name``, for ``timeout_ms`` at most if it is given.

    ``default`` is the output after the timeout; without one (``null`` is none) the step fails then. Data that break
    ``input_schema``, a JSON schema, are refused. ``answer`` is a reference to a later node's output, which is what an
    update with this name returns to its sender.
    """

    name: str = Field(pattern=NAME_PATTERN)
    timeout_ms: int | None = Field(default=None, gt=0, le=MAX_WAIT_MS)
    default: Any = None
    input_schema: dict[str, Any] | None = None
    answer: str | None = Field(default=None, min_length=1, max_length=500)


class WorkflowConfig(_NodeConfig):
    """A run of another workflow, with the bound ``inputs`` as its inputs.

    Without ``version`` it is the newest when a run is submitted. The step waits for that run and gives its output; with
    ``detach`` it does not, and gives its id. ``max_cost_cents`` caps that run's spending.
    """

    workflow: str = Field(pattern=NAME_PATTERN)
    version: int | None = Field(default=None, ge=1, le=1_000_000_000)
    detach: bool = False
    max_cost_cents: Decimal | None = Field(default=None, gt=0, le=MAX_NANO // NANO_PER_CENT, allow_inf_nan=False)


class _Node(_Document):
    id: str = Field(pattern=NODE_ID_PATTERN)
    policy: Policy = Policy()
    join: Join | None = None


_Queue = Annotated[str, Field(pattern=queues.NODE_PATTERN)]
_OwnQueue = Annotated[str, Field(pattern=queues.OWN_PATTERN)]


class _AskedNode(_Node):
    """A node that workers execute. ``queue`` names the workers; without it any worker of its quality does.

    ``org/<name>`` is a queue of the workflow's own organisation, see ``schemas.queues``.
    """

    queue: _Queue | _OwnQueue | None = None


class LlmNode(_AskedNode):
    """A node of type ``llm``."""

    type: Literal["llm"]
    config: LlmConfig


class ToolNode(_AskedNode):
    """A node of type ``tool``."""

    type: Literal["tool"]
    config: ToolConfig


class FunctionNode(_AskedNode):
    """A node of type ``function``."""

    type: Literal["function"]
    config: FunctionConfig


class WaitNode(_Node):
    """A node of type ``wait``."""

    type: Literal["wait"]
    config: WaitConfig


class SwitchNode(_Node):
    """A node of type ``switch``."""

    type: Literal["switch"]
    config: SwitchConfig


class SignalNode(_Node):
    """A node of type ``signal``."""

    type: Literal["signal"]
    config: SignalConfig


class AgentNode(_Node):
    """A node of type ``agent``."""

    type: Literal["agent"]
    config: AgentConfig


class WorkflowNode(_Node):
    """A node of type ``workflow``."""

    type: Literal["workflow"]
    config: WorkflowConfig


class Edge(_Document):
    """An edge: ``to`` runs after ``from``."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")


BodyNode = Annotated[
    LlmNode | ToolNode | FunctionNode | WaitNode | SwitchNode | SignalNode | AgentNode | WorkflowNode,
    Field(discriminator="type"),
]
"""A node that may be in the body of a loop: any but another loop."""


class LoopConfig(_NodeConfig):
    """A body of nodes that runs again, at most ``max_iterations`` times: ``until`` a condition holds after an
    iteration, or ``while`` it holds before one.

    ``body`` and ``edges`` are a DAG of their own. ``output`` names the node of the body whose output is the
    iteration's, as ``judge.output``; without it the only last node. ``on_exhausted``: after the last iteration the
    loop fails, or ends with the last output.
    """

    max_iterations: int = Field(ge=1, le=MAX_ITERATIONS)
    until: str | None = None
    while_: str | None = Field(default=None, alias="while")
    on_exhausted: Literal["fail", "last"] = "fail"
    body: list[BodyNode] = Field(min_length=1, max_length=MAX_NODES)
    edges: list[Edge] = []
    output: str | None = None


class LoopNode(_Node):
    """A node of type ``loop``."""

    type: Literal["loop"]
    config: LoopConfig


Node = Annotated[
    LlmNode | ToolNode | FunctionNode | WaitNode | SwitchNode | SignalNode | AgentNode | WorkflowNode | LoopNode,
    Field(discriminator="type"),
]
NodeKind = Literal["llm", "tool", "function", "wait", "switch", "signal", "agent", "workflow", "loop"]


class Dag(_Document):
    """The nodes and the edges between them.

    ``on_failure`` and ``on_cancel`` name the first nodes that run after such an end. At most ``max_parallel`` steps of
    a run are open at once. ``deadline_ms`` is the longest time from its submission to its end.
    """

    nodes: list[Node] = Field(min_length=1, max_length=MAX_NODES)
    edges: list[Edge] = []
    on_failure: list[str] = []
    on_cancel: list[str] = []
    max_parallel: int | None = Field(default=None, ge=1, le=MAX_PARALLEL)
    deadline_ms: int | None = Field(default=None, ge=1, le=MAX_DEADLINE_MS)


class WorkflowSpec(_Document):
    """A named, versioned DAG.

    A submission with an input that nothing reads is refused, unless ``allow_unknown_inputs`` is true. ``cache`` is that
    of ``llm`` nodes that have none; such a node opts out by ``cache: {enabled: false}``.

    ``input_schema`` is a JSON schema that the inputs of a run must follow, or it is refused; ``output_schema`` is one
    of the output of a run, an object of what the last nodes gave by their ids, or the run fails. ``flow`` decides which
    of its runs may be active at once. With ``subject: required`` each run handles the data of one person: a submission
    names that person, and the document is checked for what such a run cannot do.
    """

    name: str = Field(pattern=NAME_PATTERN)
    version: int = Field(ge=1, le=1_000_000_000)
    description: str = ""
    allow_unknown_inputs: bool = False
    cache: bool = False
    cache_policy: CachePolicy | None = None
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    flow: Flow | None = None
    subject: Literal["required"] | None = None
    dag: Dag

    _takes_policy = model_validator(mode="before")(with_cache_policy)


class PinnedPrompt(BaseModel):
    """One immutable version of a prompt. ``hash`` covers template and form: see ``prompt_form.form_hash``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    version: int
    template: str
    hash: str
    form: PromptForm | None = None


class ResolvedSpec(BaseModel):
    """A workflow as one run uses it: the document, its prompts pinned by ``prompt_ref`` as written, and ``hash``, the
    SHA-256 of both. Two runs with one hash follow the same plan.

    ``children`` are the workflows that it reaches, by ``name@version``, each without children of its own; the hash
    covers theirs. ``pins`` are the versions of those that its nodes name without one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    spec: WorkflowSpec
    prompts: dict[str, PinnedPrompt] = {}
    hash: str
    pins: dict[str, int] = {}
    children: dict[str, "ResolvedSpec"] = {}
