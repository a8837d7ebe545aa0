"""What runs pin of a policy: labels of inputs by the door, and declarations of what they may call."""

from typing import Any

import pytest

from schemas.errors import Unavailable
from schemas.labels.label import UNLABELLED, Integrity, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import parse_path
from schemas.policies.read import read_policy
from schemas.records.security.pinned import UNDECLARED, RunSecurity, ToolSecurity
from schemas.spec.hash import resolve
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec
from services.security.policies.active import Active
from services.security.policies.pinning import Before, Pinning

MAIL = ToolSecurity(source=["third_party"], effects=True, sinks={"to": "recipient"}, endorses=True)
WEB = Label(Integrity.WEB)


def declared(kind: str, name: str) -> ToolSecurity:
    return MAIL if (kind, name) == ("tool", "mail") else UNDECLARED


class Activated:
    def __init__(self, **document: Any) -> None:
        policy = read_policy({"name": "support", "rules": [], **document})
        self.found: Active | None = Active(policy, 3, "shadow", policy.hash)
        self.down = False

    async def of(self, org_id: str) -> Active | None:
        if self.down:
            raise Unavailable("postgres", "no answer")
        return self.found if org_id == "acme" else None


def spec(*nodes: dict[str, Any]) -> ResolvedSpec:
    document = {"name": "answering", "version": 1, "dag": {"nodes": list(nodes), "edges": []}}
    prompt = PinnedPrompt(name="p", version=1, template="", hash="h")
    return resolve(WorkflowSpec.model_validate(document), {"p@1": prompt})


TOOL = {"id": "a", "type": "tool", "config": {"tool_name": "mail"}}
OTHER = {"id": "b", "type": "tool", "config": {"tool_name": "unknown"}}
FUNCTION = {"id": "c", "type": "function", "config": {"function_name": "count.words"}}


async def pinned(document: dict[str, Any], *nodes: dict[str, Any], door: Integrity = Integrity.USER) -> RunSecurity:
    found = await Pinning(Activated(**document), declared).of("acme", door, spec(*nodes))
    assert found is not None
    return found


async def test_without_an_active_policy_nothing_is_pinned() -> None:
    pinning = Pinning(Activated(), declared)
    assert await pinning.of("other", Integrity.USER, spec(TOOL)) is None
    assert await pinning.again("other", Integrity.USER, spec(TOOL), Before(None, frozenset())) is None


async def test_a_run_is_refused_while_nobody_knows_the_policy() -> None:
    active = Activated()
    active.down = True
    with pytest.raises(Unavailable):
        await Pinning(active, declared).of("acme", Integrity.USER, spec(TOOL))


async def test_the_policy_its_mode_and_the_door_are_pinned() -> None:
    found = await pinned({}, TOOL)
    policy = Activated().found
    assert policy is not None
    assert (found.policy, found.policy_hash, found.mode) == ("support@3", policy.policy.hash, "shadow")
    assert found.inputs == {"$": ["user"]}
    assert (await pinned({}, TOOL, door=Integrity.THIRD_PARTY)).inputs == {"$": ["third_party"]}


async def test_a_policy_makes_labels_of_inputs_stricter_and_never_laxer() -> None:
    inputs = {
        "answer*": {"$.page": ["web", "class:pii"], "$.note": ["trusted"], "$.who": ["class:pii"]},
        "other": {"$": ["web"]},
    }
    labels = Labels.read((await pinned({"inputs": inputs}, TOOL)).inputs)
    assert labels.root == Label(Integrity.USER)
    assert labels.nearest(parse_path("$.page")) == Label(Integrity.WEB, frozenset({"pii"}))
    assert labels.nearest(parse_path("$.note")) == Label(Integrity.USER)
    assert labels.nearest(parse_path("$.who")) == Label(Integrity.USER, frozenset({"pii"}))
    from_outside = Labels.read((await pinned({"inputs": inputs}, TOOL, door=Integrity.THIRD_PARTY)).inputs)
    assert from_outside.nearest(parse_path("$.note")) == Label(Integrity.THIRD_PARTY)


async def test_tools_have_the_declarations_of_the_registry_or_of_the_policy() -> None:
    found = await pinned({}, TOOL, OTHER, FUNCTION)
    # What endorses, only a policy says.
    assert found.tools["mail"] == ToolSecurity(source=["third_party"], effects=True, sinks={"to": "recipient"})
    assert found.tools["unknown"] == UNDECLARED
    assert set(found.tools) == {"mail", "unknown"}
    said = {"tools": {"mail": {"source": "web", "effects": False, "endorses": True}}}
    assert (await pinned(said, TOOL)).tools["mail"] == ToolSecurity(source=["web"], endorses=True)


async def test_a_tool_of_a_queue_is_undeclared_unless_the_policy_declares_it() -> None:
    queued = {"id": "a", "type": "tool", "queue": "mail", "config": {"tool_name": "mail"}}
    assert (await pinned({}, queued)).tools["mail"] == UNDECLARED
    # One name in two places has the worse of the two.
    assert (await pinned({}, queued, TOOL | {"id": "d"})).tools["mail"] == UNDECLARED
    said = {"tools": {"mail": {"source": "trusted", "effects": False}}}
    assert (await pinned(said, queued)).tools["mail"] == ToolSecurity(source=["trusted"])


class OnQueues:
    """What an organisation declares of tools on queues."""

    def __init__(self, **said: ToolSecurity) -> None:
        self.said = {("org/mail" if queue == "own" else queue, "mail"): one for queue, one in said.items()}
        self.down = False

    async def of(self, org_id: str) -> dict[tuple[str, str], ToolSecurity]:
        if self.down:
            raise Unavailable("postgres", "no answer")
        return self.said


OWN = {"id": "a", "type": "tool", "queue": "org/mail", "config": {"tool_name": "mail"}}
SENDS = ToolSecurity(source=["user"], effects=True, sinks={"to": "recipient"})


async def on_queues(said: OnQueues, document: dict[str, Any], *nodes: dict[str, Any]) -> ToolSecurity:
    pinning = Pinning(Activated(**document), declared, queues=said)
    found = await pinning.of("acme", Integrity.USER, spec(*nodes))
    assert found is not None
    return found.tools["mail"]


async def test_what_is_declared_of_a_tool_on_a_queue_counts_for_that_queue() -> None:
    said, other = OnQueues(own=SENDS), OWN | {"id": "b", "queue": "mail"}
    assert await on_queues(said, {}, OWN) == SENDS
    assert await on_queues(said, {}, other) == UNDECLARED
    # A tool on two queues has what both say; one without a word makes it undeclared.
    assert await on_queues(said, {}, OWN, other) == UNDECLARED
    reads = ToolSecurity(source=["third_party"])
    both = await on_queues(OnQueues(own=SENDS, mail=reads), {}, OWN, other)
    assert both == ToolSecurity(source=["third_party"], effects=True, sinks={"to": "recipient"})
    # On workers of ours, too: what the registry says is joined.
    assert (await on_queues(said, {}, OWN, TOOL | {"id": "c"})).source == ["third_party"]
    assert await on_queues(said, {}, TOOL) == ToolSecurity(
        source=["third_party"], effects=True, sinks={"to": "recipient"}
    )


async def test_a_policy_and_a_queue_make_each_other_stricter_and_never_laxer() -> None:
    strict = {"tools": {"mail": {"source": "web", "effects": True, "sinks": {"to": "recipient"}}}}
    assert (await on_queues(OnQueues(own=SENDS), strict, OWN)).source == ["web"]
    lax = {"tools": {"mail": {"source": "trusted", "effects": False, "endorses": True}}}
    found = await on_queues(OnQueues(own=SENDS), lax, OWN)
    assert found == ToolSecurity(source=["user"], effects=True, sinks={"to": "recipient"}, endorses=True)
    # A queue without a word adds nothing to the policy's.
    assert (await on_queues(OnQueues(), lax, OWN)).source == ["trusted"]


async def test_a_run_is_refused_while_nobody_knows_what_is_declared_on_its_queues() -> None:
    said = OnQueues()
    said.down = True
    with pytest.raises(Unavailable):
        await on_queues(said, {}, OWN)
    # A workflow without queues does not ask.
    assert (await on_queues(said, {}, TOOL)).declared


async def test_functions_endorse_where_the_policy_lists_them() -> None:
    listed = {"endorse": [{"by": "list", "functions": ["count.*"]}]}
    found = await pinned(listed, FUNCTION)
    assert found.tools == {"function:count.words": ToolSecurity(pure=True, endorses=True)}
    elsewhere = {"endorse": [{"by": "list", "functions": ["count.*"], "workflows": ["billing"]}]}
    assert (await pinned(elsewhere, FUNCTION)).tools == {}


async def test_inputs_that_are_taken_over_keep_their_labels() -> None:
    pinning = Pinning(Activated(), declared)
    before = Before({"$": ["third_party"], "$.page": ["web"], "$.note": ["web"]}, frozenset({"note"}))
    found = await pinning.again("acme", Integrity.USER, spec(TOOL), before)
    assert found is not None
    labels = Labels.read(found.inputs)
    assert labels.root == Label(Integrity.THIRD_PARTY)
    assert labels.nearest(parse_path("$.page")) == WEB
    assert labels.nearest(parse_path("$.note")) == Label(Integrity.USER)


async def test_inputs_of_a_run_without_labels_are_trusted_least_when_they_are_taken_over() -> None:
    pinning = Pinning(Activated(), declared)
    found = await pinning.again("acme", Integrity.USER, spec(TOOL), Before(None, frozenset({"note"})))
    assert found is not None
    labels = Labels.read(found.inputs)
    assert (labels.root, labels.nearest(parse_path("$.note"))) == (UNLABELLED, Label(Integrity.USER))


async def test_answers_under_a_closed_schema_are_endorsed_where_the_policy_names_their_nodes() -> None:
    choice = {"enum": ["spam", "ham"]}
    closed = {"type": "object", "properties": {"label": choice}, "additionalProperties": False}
    node = {"type": "llm", "config": {"prompt_ref": "p@1", "output_schema": closed}}
    text = {"type": "llm", "config": {"prompt_ref": "p@1", "output_schema": {"type": "string"}}}
    nodes = (node | {"id": "judge"}, text | {"id": "judge_too"}, node | {"id": "other"}, text | {"id": "plain"})
    endorse = [{"by": "schema", "nodes": ["judge*", "plain"]}]
    assert (await pinned({"endorse": endorse}, *nodes)).closed == {"answering": ["judge"]}
    elsewhere = [one | {"workflows": ["billing"]} for one in endorse]
    assert (await pinned({"endorse": elsewhere}, *nodes)).closed == {}
    assert (await pinned({}, *nodes)).closed == {}


async def test_the_policy_endorses_all_that_is_quarantined_and_nothing_else() -> None:
    closed = {"prompt_ref": "p@1", "output_schema": {"type": "boolean"}}
    apart = {"id": "apart", "type": "llm", "config": closed | {"quarantined": True}}
    free = {"id": "free", "type": "llm", "config": closed}
    opened = {"id": "opened", "type": "llm", "config": {"prompt_ref": "p@1", "quarantined": True}}
    endorse: list[dict[str, Any]] = [{"by": "schema", "quarantined": True}]
    assert (await pinned({"endorse": endorse}, apart, free, opened)).closed == {"answering": ["apart"]}
    assert (await pinned({"endorse": [endorse[0] | {"nodes": ["x*"]}]}, apart, free)).closed == {}
    assert (await pinned({}, apart, free)).closed == {}


MCP = ToolSecurity(source=["web"], effects=True)
CALL = {"id": "m", "type": "tool", "config": {"tool_name": "mcp.call", "tool_config": {"server": "docs", "tool": "x"}}}


class Servers:
    def __init__(self, down: bool = False, **words: list[str]) -> None:
        self._words = words
        self._down = down

    async def of(self, org_id: str) -> dict[str, list[str]]:
        if self._down:
            raise Unavailable("postgres", "no answer")
        return self._words


async def with_servers(servers: Servers, *nodes: dict[str, Any], **document: Any) -> RunSecurity:
    def registry(_kind: str, name: str) -> ToolSecurity:
        return MCP if name == "mcp.call" else UNDECLARED

    pinning = Pinning(Activated(**document), registry, None, servers)
    found = await pinning.of("acme", Integrity.USER, spec(*nodes))
    assert found is not None
    return found


async def test_results_of_an_mcp_server_have_the_label_of_the_server() -> None:
    found = await with_servers(Servers(docs=["user", "class:internal"], other=["trusted"]), CALL)
    own = ToolSecurity(source=["user", "class:internal"], effects=True)
    assert found.tools == {"mcp.call": MCP, "mcp.call:docs": own}


async def test_a_server_without_a_label_of_its_own_adds_nothing() -> None:
    assert (await with_servers(Servers(docs=["web"]), CALL)).tools == {"mcp.call": MCP}
    assert (await with_servers(Servers(), CALL)).tools == {"mcp.call": MCP}


async def test_a_policy_that_declares_calls_is_only_made_stricter_by_a_server() -> None:
    policy = {"tools": {"mcp.call": {"source": ["third_party"], "effects": True}}}
    laxer = await with_servers(Servers(docs=["trusted"]), CALL, **policy)
    assert list(laxer.tools) == ["mcp.call"]
    stricter = await with_servers(Servers(docs=["web", "class:hr"]), CALL, **policy)
    assert stricter.tools["mcp.call:docs"].source == ["web", "class:hr"]


async def test_nobody_is_asked_for_labels_of_servers_that_no_node_calls() -> None:
    assert (await with_servers(Servers(down=True), TOOL)).tools == {"mail": UNDECLARED}
    with pytest.raises(Unavailable):
        await with_servers(Servers(down=True), CALL)
