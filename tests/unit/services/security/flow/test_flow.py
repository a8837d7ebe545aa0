"""Labels that a workflow's data may have, found before any run, and the violations that are named."""

from dataclasses import replace

import pytest

from schemas.labels.label import TRUSTED, UNLABELLED, Integrity, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import ANY
from schemas.records.security.pinned import ToolSecurity
from schemas.spec.hash import resolve
from schemas.spec.inputs.known_inputs import ArgumentNames
from schemas.spec.nested import Family, Member, member_key
from services.security.flow import walk
from services.security.flow.finding import shown_way
from services.security.flow.findings import findings_of
from services.security.flow.flows import Flow
from services.security.flow.ground import Ground, elements, source_of
from services.security.flow.walk import flow_of
from tests.support.families import flow as workflow
from tests.support.runs import prompt

WEB = Label(Integrity.WEB)
TOOLS = {
    "fetch": ToolSecurity(source=["web"]),
    "crm": ToolSecurity(source=["third_party", "class:pii"], fields={"$.id": ["trusted"], "$.owner": ["user"]}),
    "clock": ToolSecurity(source=["trusted"]),
    "send_email": ToolSecurity(source=["trusted"], effects=True, sinks={"to": "recipient", "body": "content"}),
    "upper": ToolSecurity(pure=True),
    "function:classify": ToolSecurity(pure=True, endorses=True),
}
PROMPTS = {"ask@1": prompt()}
TAKES = ArgumentNames({("tool", "send_email"): frozenset({"to", "body", "bcc"}), ("tool", "own"): frozenset({"text"})})
GROUND = Ground(TOOLS, arguments=TAKES)


def tool(id_: str, name: str, policy: dict | None = None, **config) -> dict:
    args = config.pop("args", {})
    return {
        "id": id_,
        "type": "tool",
        "policy": policy or {},
        "config": {"tool_name": name, "tool_args": args} | config,
    }


def function(id_: str, name: str = "f", policy: dict | None = None, **config) -> dict:
    args = config.pop("args", {})
    config = {"function_name": name, "function_args": args} | config
    return {"id": id_, "type": "function", "policy": policy or {}, "config": config}


def llm(id_: str, policy: dict | None = None, **config) -> dict:
    return {"id": id_, "type": "llm", "policy": policy or {}, "config": {"prompt_ref": "ask@1"} | config}


def agent(id_: str, tools: list[str], **config) -> dict:
    return {"id": id_, "type": "agent", "config": {"prompt_ref": "ask@1", "tools": tools} | config}


def switch(id_: str, *cases: tuple[str, str]) -> dict:
    return {"id": id_, "type": "switch", "config": {"cases": [{"when": when, "to": to} for when, to in cases]}}


def flow_in(*nodes: dict, edges: str = "", ground: Ground | None = None, children=(), **dag) -> Flow:
    spec = workflow("top", *nodes, edges=edges, **dag)
    members = {member_key(one.name, one.version): Member(one, PROMPTS) for one in children}
    family = Family(members, {one.name: one.version for one in children})
    return flow_of(resolve(spec, PROMPTS, family), ground or GROUND)


def found(*nodes: dict, ground: Ground | None = None, **more) -> list:
    ground = ground or GROUND
    return findings_of(flow_in(*nodes, ground=ground, **more), ground)


def send(**args) -> dict:
    return tool("send", "send_email", args={"to": "ops@example.com", "body": "hello"} | args)


def rules(findings) -> list[str]:
    return [f"{one.rule} {one.node} {' -> '.join(one.way)}" for one in findings]


def test_a_recipient_from_the_web_is_named_with_its_way_and_a_fix():
    nodes = tool("fetch", "fetch", args={"url": "{{page}}"}), llm("summarize", inputs={"question": "fetch.output"})
    (one,) = found(*nodes, send(to="summarize.output"), edges="fetch>summarize summarize>send")

    assert one.rule == "sink"
    assert one.path == "dag.nodes[2].config.tool_args.to"
    assert one.message == (
        "node 'send' (send_email): argument 'to' (recipient) may hold web data: fetch -> summarize -> send.to"
    )
    assert one.fix.startswith("declare which fields of 'fetch' are trusted, let a person approve it")


@pytest.mark.parametrize(
    ("source", "violates"),
    [
        ("ops@example.com", False),
        ("{{user_address}}", False),
        ("crm.output.id", False),
        ("crm.output.owner", False),
        ("crm.output.note", True),
        ("crm.output", True),
        ("Hello crm.output", False),
        (["crm.output.id", "crm.output.name"], True),
        ({"literal": "crm.output"}, False),
    ],
)
def test_a_recipient_has_the_labels_of_what_it_is_made_of(source, violates):
    crm = tool("crm", "crm", args={"who": "me"})
    assert bool(found(crm, send(to=source), edges="crm>send")) is violates


def test_what_a_mail_says_may_be_untrusted():
    assert found(tool("fetch", "fetch"), send(body="fetch.output"), edges="fetch>send") == []


def test_an_argument_that_no_declaration_names_is_a_sink_of_an_effect():
    (one,) = found(tool("fetch", "fetch"), send(bcc="fetch.output"), edges="fetch>send")
    assert "argument 'bcc' (unknown) may hold web data" in one.message


def test_every_argument_of_an_undeclared_tool_is_a_sink_and_its_output_least_trusted():
    nodes = tool("own", "own", args={"text": "fetch.output"}), send(to="own.output")
    findings = found(tool("fetch", "fetch"), *nodes, edges="fetch>own own>send")

    assert rules(findings) == ["undeclared own fetch -> own.text", "sink send own -> send.to"]
    assert "nothing is declared of this tool" in findings[0].message
    assert "data without a label" in findings[1].message


def test_a_function_and_a_pure_tool_are_as_trusted_as_their_arguments():
    nodes = function("f", args={"x": "{{a}}"}), tool("u", "upper", args={"x": "f.output"}), send(to="u.output")
    assert found(*nodes, edges="f>u u>send") == []
    tainted = tool("fetch", "fetch"), function("f", args={"x": "fetch.output"}), send(to="f.output")
    assert rules(found(*tainted, edges="fetch>f f>send")) == ["sink send fetch -> f -> send.to"]


def test_a_function_that_endorses_gives_trusted_data():
    nodes = tool("fetch", "fetch"), function("f", "classify", args={"x": "fetch.output"}), send(to="f.output")
    assert found(*nodes, edges="fetch>f f>send") == []


def test_what_a_predecessor_gives_by_itself_counts():
    flow = flow_in(tool("fetch", "fetch"), llm("ask"), edges="fetch>ask")
    assert flow.nodes["ask"].output.whole.integrity is Integrity.WEB


def test_inputs_are_as_trusted_as_the_door_says():
    ground = replace(GROUND, inputs=Labels({(): Label(Integrity.USER), ("mail",): WEB}))
    assert found(send(to="{{address}}"), ground=ground) == []
    (one,) = found(send(to="{{mail.sender}}"), ground=ground)
    assert one.way == ("inputs.mail", "send.to")


def test_a_root_that_names_no_inputs_gets_all_of_them():
    ground = replace(GROUND, inputs=Labels({(): Label(Integrity.USER), ("mail",): WEB}))
    nodes = llm("ask"), send(to="ask.output")
    assert rules(found(*nodes, edges="ask>send", ground=ground)) == ["sink send inputs -> ask -> send.to"]


def test_a_condition_on_untrusted_data_chooses_what_is_behind_it():
    last = {"id": "send", "type": "tool", "config": send()["config"] | {"condition": "fetch.output.kind == 'x'"}}
    findings = found(tool("fetch", "fetch"), last, edges="fetch>send")
    assert rules(findings) == ["choice send fetch -> send"]
    assert "web data may decide whether it runs" in findings[0].message


def test_a_switch_taints_what_it_chooses_and_what_follows_that():
    nodes = tool("fetch", "fetch"), switch("route", ("fetch.output.kind == 'x'", "middle")), tool("middle", "clock")
    flow = flow_in(*nodes, send(), edges="fetch>route route>middle middle>send")
    assert [flow.nodes[id_].control.integrity.name for id_ in ("route", "middle", "send")] == ["WEB", "WEB", "WEB"]
    assert flow.nodes["middle"].output.whole.integrity is Integrity.WEB
    assert flow.way("send", "", Integrity.USER) == ("fetch", "route", "middle", "send")


def test_an_output_of_a_chosen_node_tells_of_the_choice():
    """A skipped node gives null, so who reads it learns what the condition read."""
    middle = {"id": "middle", "type": "tool", "config": {"tool_name": "clock", "condition": "fetch.output == 'x'"}}
    findings = found(tool("fetch", "fetch"), middle, send(to="middle.output"), edges="fetch>middle middle>send")
    assert "sink send fetch -> middle -> send.to" in rules(findings)


def test_children_of_a_map_are_chosen_by_its_list():
    nodes = tool("fetch", "fetch"), tool("each", "send_email", parallel=True, items="fetch.output", args={"to": "me"})
    findings = found(*nodes, edges="fetch>each")
    assert rules(findings) == ["choice each fetch -> each"]
    # A call that takes any argument gets the item by itself.
    assert rules(findings_of(flow_in(*nodes, edges="fetch>each"), Ground(TOOLS))) == [
        "sink each fetch -> each.index",
        "sink each fetch -> each.item",
        "choice each fetch -> each",
    ]


def test_a_map_over_a_users_list_gives_what_its_children_give():
    mapped = tool("each", "fetch", parallel=True, items=["{{a}}", "{{b}}"], args={"url": "{{item}}"})
    flow = flow_in(mapped)
    assert flow.nodes["each"].control.integrity is Integrity.TRUSTED
    assert flow.nodes["each"].output.at((0,)).whole.integrity is Integrity.WEB


def test_a_list_of_any_length_has_what_its_elements_have_together():
    """Of very many labelled places the whole value gets what all have together, and nobody knows how many come."""
    mapped = tool("each", "fetch", parallel=True, items="{{pages}}")
    assert flow_in(mapped).nodes["each"].output.root.integrity is Integrity.WEB


def test_how_often_a_map_runs_is_chosen_by_the_length_of_its_list():
    ground = replace(GROUND, inputs=Labels({(): Label(Integrity.USER), ("mails",): TRUSTED, ("mails", ANY): WEB}))
    flow = flow_in(tool("each", "clock", parallel=True, items="{{mails}}", inputs={}), ground=ground)
    assert flow.nodes["each"].control.integrity is Integrity.TRUSTED
    assert flow.nodes["each"].args.at(("item",)).whole.integrity is Integrity.WEB


def test_an_optional_node_tells_what_follows_whether_it_failed():
    fetch = tool("fetch", "fetch", policy={"optional": True})
    assert rules(found(fetch, send(), edges="fetch>send")) == ["choice send fetch -> send"]


def test_a_node_that_may_run_early_knows_what_was_not_there_yet():
    nodes = tool("fetch", "fetch"), tool("time", "clock"), send(to="time.output") | {"join": "any"}
    findings = found(*nodes, edges="fetch>send time>send")
    assert rules(findings) == ["sink send time -> send.to", "choice send fetch -> send"]


def test_an_optional_node_tells_whether_it_failed():
    fetch = function("fetch", "classify", policy={"optional": True}, args={"x": "{{a}}"})
    ground = replace(GROUND, inputs=Labels.of_whole(WEB))
    assert flow_in(fetch, ground=ground).nodes["fetch"].output.whole.integrity is Integrity.WEB


def loop(*body: dict, edges: str = "", **config) -> dict:
    pairs = [edge.split(">") for edge in edges.split()]
    edges_ = [{"from": a, "to": b} for a, b in pairs]
    return {
        "id": "refine",
        "type": "loop",
        "config": {"max_iterations": 3, "body": list(body), "edges": edges_} | config,
    }


def test_a_loop_carries_labels_from_one_iteration_to_the_next():
    body = function("draft", args={"before": "loop.previous"}), tool("look", "fetch", args={"q": "draft.output"})
    nodes = loop(*body, edges="draft>look", until="loop.iteration == 3"), send(to="refine.output")
    flow = flow_in(*nodes, edges="refine>send")

    assert flow.nodes["draft"].output.whole.integrity is Integrity.WEB
    assert flow.way("draft", "before", Integrity.USER) == ("look", "draft.before")
    assert flow.way("send", "to", Integrity.USER) == ("look", "refine", "send.to")


def test_a_loop_that_ends_by_untrusted_data_taints_how_often_it_runs():
    body = tool("look", "fetch"), tool("count", "clock", args={"n": "loop.iteration"}, inputs={})
    flow = flow_in(loop(*body, edges="look>count", output="count.output", until="loop.output == 'x'"))
    assert flow.nodes["count"].control.integrity is Integrity.TRUSTED
    body = tool("count", "clock"), tool("look", "fetch", args={"n": "count.output"})
    flow = flow_in(loop(*body, edges="count>look", until="loop.output == 'x'"))
    assert flow.nodes["count"].control.integrity is Integrity.WEB
    assert flow.nodes["refine"].output.whole.integrity is Integrity.WEB


def test_all_outputs_of_a_loop_have_its_labels():
    nodes = loop(tool("look", "fetch"), until="loop.iteration == 3"), send(to="refine.outputs[0].x")
    assert rules(found(*nodes, edges="refine>send")) == ["sink send look -> refine -> send.to"]


def test_an_agent_is_as_trusted_as_all_that_it_may_read():
    findings = found(agent("helper", ["fetch", "send_email"], inputs={"question": "hi"}))
    assert rules(findings) == ["sink helper helper/fetch -> helper/send_email.to"]
    assert "agent 'helper' may choose 'to' (recipient) of send_email by web data" in findings[0].message


def test_an_agent_without_untrusted_data_may_have_effects():
    assert found(agent("helper", ["clock", "send_email"], inputs={"question": "{{question}}"})) == []


def test_the_rule_of_two():
    nodes = tool("crm", "crm"), agent("helper", ["send_email"], inputs={"question": "crm.output"})
    findings = [one for one in found(*nodes, edges="crm>helper") if one.rule == "rule_of_two"]
    assert rules(findings) == ["rule_of_two helper crm -> helper"]
    assert "reads third-party data, knows private data (pii) and may call send_email" in findings[0].message
    assert not [one for one in found(agent("helper", ["fetch", "send_email"])) if one.rule == "rule_of_two"]


def test_data_of_a_class_goes_to_the_providers_that_may_have_it():
    crm = tool("crm", "crm")
    ask = llm("ask", inputs={"question": "crm.output.note"}, provider="openai", model="m")
    ground = replace(GROUND, providers={"pii": frozenset({"local"})})
    (one,) = found(crm, ask, edges="crm>ask", ground=ground)
    assert (one.rule, one.way, one.fix) == ("provider", ("crm", "ask"), "name one of local")
    assert "sends data of class 'pii' to 'openai'" in one.message
    assert found(crm, ask, edges="crm>ask", ground=Ground(TOOLS)) == []
    assert found(crm, llm("ask", inputs={"question": "crm.output.id"}, provider="openai"), edges="crm>ask") == []


def test_a_signal_is_a_persons_word():
    signal = {"id": "ok", "type": "signal", "config": {"name": "go"}}
    assert found(signal, send(to="ok.output.to"), edges="ok>send") == []
    ground = replace(GROUND, signals=WEB)
    assert rules(found(signal, send(to="ok.output.to"), edges="ok>send", ground=ground)) == ["sink send ok -> send.to"]


def test_another_workflow_is_followed_with_the_labels_that_it_is_given():
    inner = workflow("mailer", send(to="{{address}}"))
    runs = {
        "id": "mail",
        "type": "workflow",
        "config": {"workflow": "mailer", "inputs": {"address": "crm.output.name"}},
    }
    (one,) = found(tool("crm", "crm"), runs, edges="crm>mail", children=[inner])
    assert one.way == ("crm", "mail.address", "mail/send.to")
    assert one.path == "dag.nodes[1].config.workflow"
    assert one.message.startswith("in workflow mailer version 1, node 'send' (send_email): argument 'to'")

    runs["config"]["inputs"] = {"address": "crm.output.owner"}
    assert found(tool("crm", "crm"), runs, edges="crm>mail", children=[inner]) == []


def test_what_another_workflow_gives_comes_back_with_its_labels():
    inner = workflow("reader", tool("fetch", "fetch"), tool("time", "clock"))
    runs = {"id": "read", "type": "workflow", "config": {"workflow": "reader"}}
    assert rules(found(runs, send(to="read.output.fetch"), edges="read>send", children=[inner])) == [
        "sink send read -> send.to"
    ]
    assert found(runs, send(to="read.output.time"), edges="read>send", children=[inner]) == []


def test_a_compensating_node_is_chosen_by_all_that_the_run_read():
    nodes = tool("fetch", "fetch"), send(), tool("undo", "send_email", args={"to": "{{run_error_message}}"})
    findings = found(*nodes, edges="fetch>send", on_failure=["undo"])
    assert rules(findings) == ["sink undo inputs.run_error_message -> undo.to", "choice undo the run's end -> undo"]


def test_a_declaration_that_cannot_be_read_is_a_finding_and_least_trusted():
    ground = replace(GROUND, tools=TOOLS | {"odd": ToolSecurity(source=["honest"])})
    findings = found(tool("odd", "odd"), send(to="odd.output"), edges="odd>send", ground=ground)
    assert [one.rule for one in findings] == ["unreadable", "sink"]
    assert "the label 'honest' is unknown" in findings[0].message


def test_an_undeclared_tool_gives_the_classes_that_are_known_of_it():
    known = ToolSecurity(declared=False, effects=True, source=["web", "class:pii"])
    assert source_of(known).whole == UNLABELLED.join(Label(classes=frozenset({"pii"})))
    assert source_of(ToolSecurity(declared=False)).whole == UNLABELLED


def test_readers_that_a_result_names_are_nobody_before_it_is_known():
    ground = Ground({"list": ToolSecurity(source=["user"], readers={"$.text": "$.shared_with"})})
    output = flow_in(tool("list", "list"), ground=ground).nodes["list"].output
    assert output.at(("text",)).whole.readers == frozenset()
    assert output.at(("title",)).whole.readers is None


def test_too_many_workflows_are_a_finding(monkeypatch):
    monkeypatch.setattr(walk, "MAX_VISITS", 2)
    resolved = resolve(workflow("top", *(tool(f"t{n}", "clock") for n in range(3))), PROMPTS)
    flow = flow_of(resolved, Ground(TOOLS), walk.Visits(2))
    assert [one.rule for one in findings_of(flow, Ground(TOOLS))] == ["too_large"]
    assert flow.output.whole == UNLABELLED


def test_elements_are_as_strict_as_every_element():
    assert elements(Labels({(): WEB, (0,): TRUSTED})).whole == WEB
    assert elements(Labels({(): TRUSTED, (ANY, "x"): WEB})).at(("y",)).whole == TRUSTED
    assert elements(Labels({(): TRUSTED, (ANY,): WEB})).whole == WEB


def test_a_long_way_shows_its_ends():
    assert shown_way(("a", "b", "c")) == "a -> b -> c"
    assert shown_way(tuple("abcdefghijk")) == "a -> b -> c -> d -> (3 more) -> h -> i -> j -> k"


REQUEST = ToolSecurity(effects=True, sinks={"url": "url"}, reads_when={"method": ["", "GET"]})


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"url": "https://x.org", "note": "fetch.output"}, []),
        ({"url": "fetch.output"}, ["url"]),
        ({"url": "fetch.output", "method": "GET"}, ["url"]),
        ({"url": "https://x.org", "note": "fetch.output", "method": "POST"}, ["note"]),
        ({"url": "https://x.org", "note": "fetch.output", "method": "{{method}}"}, ["note"]),
    ],
)
def test_a_call_that_only_reads_has_no_effect_but_sends_its_url(args, expected):
    ground = replace(GROUND, tools=TOOLS | {"http": REQUEST})
    nodes = tool("fetch", "fetch"), tool("call", "http", args=args, inputs={})
    assert [one.path.rpartition(".")[2] for one in found(*nodes, edges="fetch>call", ground=ground)] == expected
