"""The number of the decision rules that a workflow needs. A run keeps to the rules that it started with.

1. The rules of the first release.
2. Nodes of type ``loop``; ``{literal: "..."}`` in a bound value is that text.
3. Prompts with a form, whose parameters, messages and schemas go into requests; ``repair`` of a node.
4. Arms of rollouts, which go into requests and to child runs. They are a run's, not its workflow's.
5. Labels of data, of runs with security: in steps, requests, outputs and child runs. They are a run's, too.
6. Schemas of inputs, outputs and of what tools and functions give.
7. Sealed data, of runs with a data subject: conditions and lengths are read from ``Reference.decided``. They are a
   run's, too.
8. Flow control: a run of a workflow with ``flow`` waits for its admission. It is a run's, too: one that another run
   starts passes no gate.
9. Labels of MCP servers, of runs under a policy that call one with a label of its own. They are a run's, too.
10. Outcomes: those of runs with a data subject must be sealed, and those under a policy that redacts the log must say
   that they were. They are a run's, too.
11. Judged outcomes: those of runs whose policy has rules at ``output``, or endorses answers of nodes, must say that the
   rules and the schema were applied. They are a run's, too.

A change of what the rules decide adds a number, its line above, and the test of a workflow that needs it. A
workflow that uses nothing newer keeps its number, so that older orchestrators still fold its runs.
"""

from collections.abc import Iterable, Mapping
from typing import get_args

from schemas.labels.servers import server_of
from schemas.records.security.pinned import RunSecurity
from schemas.spec.inputs.bound import has_literal
from schemas.spec.loops import every_node
from schemas.spec.model import FunctionNode, LlmConfig, Node, NodeKind, PinnedPrompt, ToolNode, WorkflowSpec

FIRST = 1
LOOPS = LITERALS = 2
FORMS = 3
ARMS = 4
LABELS = 5
VALIDATED = 6
SEALED = 7
FLOW = 8
SERVERS = 9
OUTCOMES = 10
JUDGED = 11
#: The newest rules that there are.
NEWEST = JUDGED
#: The oldest rules that know a type of node.
_KNOWN_SINCE: Mapping[NodeKind, int] = {**dict.fromkeys(get_args(NodeKind), FIRST), "loop": LOOPS}


def rules_of(spec: WorkflowSpec, prompts: Iterable[PinnedPrompt] = ()) -> int:
    """Return the number of the rules for runs of a workflow: the oldest that decide it as is documented.

    ``prompts`` are its own, without those of the workflows that it runs.
    """
    of_prompts = FORMS if any(prompt.form is not None for prompt in prompts) else FIRST
    has_schema = spec.input_schema is not None or spec.output_schema is not None
    return max(of_prompts, VALIDATED if has_schema else FIRST, *map(_of_node, every_node(spec.dag.nodes)))


def rules_of_security(security: RunSecurity | None) -> int:
    """Return the number of the rules for a run with this security."""
    if security is None:
        return FIRST
    if security.judges or security.closed:
        return JUDGED
    if security.redacts:
        return OUTCOMES
    return SERVERS if any(map(server_of, security.tools)) else LABELS


def _of_node(node: Node) -> int:
    repairs = isinstance(node.config, LlmConfig) and node.config.repair
    return max(
        _KNOWN_SINCE[node.type],
        LITERALS if has_literal(node) else FIRST,
        FORMS if repairs else FIRST,
        VALIDATED if isinstance(node, ToolNode | FunctionNode) and node.config.output_schema is not None else FIRST,
    )
