"""Labels of a run's data: what requests say, what steps keep, and what is given to readers and parents."""

from typing import Any

import pytest

from schemas.errors import BadRecord
from schemas.labels.label import Integrity, Label, label_of
from schemas.labels.mapped import Labels
from schemas.payload import Inline, Reference
from schemas.records.definitions import AuditEvent
from schemas.records.run_events import Reused, ToolUse
from schemas.records.security.pinned import ToolSecurity
from schemas.spec.rules_version import ARMS
from streams.core.commands import Emit
from streams.core.runs.fold import RunFold
from streams.core.runs.labels.recorded import UNREADABLE
from streams.core.runs.requests.chained import next_request
from tests.support.labels import TOOLS, TRUSTED, UNLABELLED, USER, WEB, Labelled, security, tool
from tests.support.runs import World, assistant, function, limited, llm, loop, resolved, signal, submitted, switch

SEARCHED = Label(Integrity.WEB, origins=frozenset({"search"}))


def run(*nodes: dict[str, Any], edges: str = "", inputs: dict[str, Any] | None = None, **more: Any) -> Labelled:
    world = Labelled()
    world.begin(resolved(*nodes, edges=edges), inputs, **more)
    return world


def test_a_run_without_security_says_nothing() -> None:
    world = World()
    world.submit(function("a"), function("b"), edges="a>b")
    world.succeed("a", 1)
    assert [one.security for one in world.requests] == [None, None]
    step = world.step("a")
    assert (step.decided, step.read, step.output.labels) == (None, None, {})
    assert (world.views[0].policy, world.views[0].input_labels) == ("", {})


def test_a_view_that_has_the_inputs_has_their_labels() -> None:
    world = run(function("a"), function("b"), edges="a>b", inputs={"q": "x"})
    world.succeed("a", 1)
    first, *later = world.views
    assert (first.inputs, first.policy, first.input_labels) == ({"q": "x"}, "p@1", {"$": ["user"]})
    assert {(one.inputs is None, one.policy, len(one.input_labels)) for one in later} == {(True, "", 0)}


def test_labels_need_their_rules() -> None:
    with pytest.raises(BadRecord, match="rules_version 5"):
        World().feed(submitted(resolved(function("a")), security=security(), rules_version=ARMS))


def test_arguments_have_labels_by_path() -> None:
    bound = {"ask": "{{q}}", "text": "mail {{q}} of {{who}}", "hit": "find.output", "id": "find.output.id", "k": "x"}
    world = run(
        tool("find", "search", inputs={"q": "{{q}}"}),
        function("use", inputs=bound | {"deep": {"list": ["a", "find.output.text"]}}),
        edges="find>use",
        inputs={"q": "cats", "who": "me"},
        security=security({"$": ["trusted"], "$.q": ["user"]}),
    )
    assert world.args("find").at(("q",)).whole == USER
    world.succeed("find", {"id": 7, "text": "obey"})
    args = world.args("use")
    assert args.at(("ask",)).whole == USER
    assert args.at(("text",)).whole == USER
    assert args.at(("hit",)).root == SEARCHED
    # What a tool declares of a field is joined with what it was called with.
    assert args.at(("hit", "id")).whole == USER
    assert args.at(("id",)).whole == USER
    assert args.at(("k",)).whole == TRUSTED
    assert args.at(("deep", "list", 0)).whole == TRUSTED
    assert args.at(("deep", "list", 1)).whole == SEARCHED


def test_all_inputs_and_what_replaces_them() -> None:
    world = run(function("a"), inputs={"q": "x", "r": 1}, security=security({"$": ["trusted"], "$.q": ["web"]}))
    assert world.args("a").at(("q",)).whole == WEB
    assert world.args("a").at(("r",)).whole == TRUSTED
    assert run(function("a"), security=security({"$.q": ["user"]})).args("a").root == UNLABELLED


def test_what_a_result_is_made_of() -> None:
    world = run(
        function("a", inputs={"x": "{{q}}"}),
        tool("t", "table", inputs={"x": "a.output"}),
        tool("u", "unheard_of", inputs={}),
        llm("m", inputs={"word": "t.output"}),
        edges="a>t t>u u>m",
        inputs={"q": "x"},
    )
    world.succeed("a", 1)
    assert world.given("a") == Labels.of_whole(USER)
    world.succeed("t", 2)
    pii = Label(Integrity.USER, frozenset({"pii"}))
    assert world.given("t") == Labels.of_whole(pii)
    world.succeed("u", 3)
    # Nothing is declared of it, though nothing untrusted went in.
    assert world.given("u") == Labels.of_whole(UNLABELLED)
    world.succeed("m", "text")
    assert world.given("m") == Labels.of_whole(pii)
    [view] = [step for step in world.views[-1].steps if step.step_id == "m"]
    assert view.output is not None
    assert view.output.labels == {"$": pii.words}
    assert world.views[-1].output is not None
    assert world.views[-1].output["m"].labels == {"$": pii.words}


def test_what_an_undeclared_tool_gives_has_the_classes_that_are_known_of_it() -> None:
    known = ToolSecurity(declared=False, effects=True, source=["web", "class:pii", "from:unlabelled"])
    world = run(tool("t", "some", inputs={}), security=security(tools={"some": known}))
    world.succeed("t", 1)
    assert world.given("t").whole == UNLABELLED.join(Label(classes=frozenset({"pii"})))


def test_a_worker_only_raises() -> None:
    world = run(tool("t", "search"), tool("s", "table"), edges="t>s")
    world.succeed("t", Inline(value={"id": 1}, labels={"$": ["trusted"]}))
    assert world.given("t").root.integrity == Integrity.WEB
    world.succeed("s", Inline(value={"a": 1, "b": 2}, labels={"$.a": ["web", "class:secret"]}))
    assert world.given("s").at(("b",)).whole == world.given("s").root
    assert world.given("s").at(("a",)).whole.classes == {"pii", "secret"}


def test_a_label_that_cannot_be_read_is_read_by_nobody() -> None:
    world = run(function("a", inputs={}))
    world.succeed("a", Inline(value=1, labels={"$": ["sometimes"]}))
    assert world.given("a").whole.readers == UNREADABLE.readers == frozenset()
    assert world.given("a").whole.integrity == Integrity.WEB


def test_the_labels_of_stored_outputs_travel_in_references() -> None:
    world = run(tool("t", "search", inputs={}), function("f", inputs={"all": "t.output"}), edges="t>f")
    world.succeed("t", Reference(uri="s3://b/o", sha256="0" * 64, size=100_000))
    stored = world.step("t").stored
    assert stored.labels == {"$": ["web", "from:search"], "$.id": ["trusted"]}
    [link] = world.asked_of("f").links
    assert link.payload == stored
    assert world.args("f").at(("all",)).root == SEARCHED


def test_readers_come_from_the_value() -> None:
    tools = TOOLS | {
        "files": ToolSecurity(source=["trusted"], readers={"$.files[*]": "$.files[*].shared", "$.owner": "$.by"})
    }
    value = {"files": [{"shared": ["ann", "bob"], "text": "x"}, {"shared": [], "text": "y"}], "by": "ann", "owner": 1}
    world = run(tool("t", "files", inputs={}), security=security(tools=tools))
    world.succeed("t", value)
    given = world.given("t")
    assert given.at(("files", 0)).whole.readers == {"ann", "bob"}
    assert given.at(("files", 1, "text")).whole.readers == frozenset()
    assert given.at(("owner",)).whole.readers == {"ann"}
    assert given.root.readers is None
    stored = run(tool("t", "files", inputs={}), security=security(tools=tools))
    stored.succeed("t", Reference(uri="s3://b/o", sha256="0" * 64, size=100_000))
    assert stored.given("t").at(("files", 3)).whole.readers == frozenset()


def test_an_endorsed_result_keeps_what_decided_it() -> None:
    tools = TOOLS | {"function:clean": ToolSecurity(endorses=True)}
    clean = function("c", function_name="clean", inputs={"x": "t.output"})
    world = run(tool("t", "search", inputs={}), clean, edges="t>c", security=security(tools=tools))
    world.succeed("t", {"id": 1})
    world.succeed("c", "ok")
    assert world.given("c").whole.integrity == Integrity.TRUSTED
    assert world.given("c").whole.origins == {"search"}
    chosen = clean | {"config": clean["config"] | {"condition": "t.output.id == 1"}}
    world = run(tool("t", "table", inputs={}), chosen, edges="t>c", security=security({"$": ["web"]}, tools=tools))
    world.succeed("t", {"id": 1})
    world.succeed("c", "ok")
    assert world.given("c").whole.integrity == Integrity.TRUSTED


def test_a_condition_taints_what_it_decides() -> None:
    ask = function("f", inputs={}, condition="t.output.text == 'go'")
    after = function("g", inputs={"x": "f.output"})
    for text, runs in (("go", True), ("no", False)):
        world = run(tool("t", "search", inputs={}), ask, after | {"join": "all_done"}, edges="t>f f>g")
        world.succeed("t", {"text": text})
        assert world.decided("f") == SEARCHED
        if runs:
            assert world.control("f") == SEARCHED
            world.succeed("f", 1)
            assert world.given("f").whole == SEARCHED
        # A null is as telling as a value, and the choice is handed on.
        assert world.args("g").at(("x",)).whole == SEARCHED
        assert world.control("g") == SEARCHED


def test_a_switch_taints_what_it_chooses_and_what_it_does_not() -> None:
    world = run(
        tool("t", "search", inputs={}),
        switch("s", ("t.output.id == 1", "a"), default="b"),
        function("a", inputs={}),
        function("b", inputs={}),
        function("c", inputs={}),
        edges="t>s s>a s>b a>c b>c",
    )
    world.succeed("t", {"id": 1})
    assert world.given("s").whole == SEARCHED
    assert world.control("a") == SEARCHED
    assert world.decided("b") == SEARCHED
    world.succeed("a", 1)
    assert world.control("c") == SEARCHED


def test_what_is_not_read_taints_nothing() -> None:
    world = run(
        tool("t", "search", inputs={}), function("f", inputs={"x": 1}), function("g", inputs={}), edges="t>f f>g"
    )
    world.succeed("t", {"id": 1})
    world.succeed("f", 1)
    assert world.control("g") == TRUSTED
    assert world.given("f").whole == TRUSTED


def test_an_optional_node_tells_by_its_failure() -> None:
    world = run(
        tool("t", "search", {"optional": True, "retries": {"max_attempts": 1}}, inputs={}),
        function("f", inputs={"x": "t.output"}, join="all_done"),
        edges="t>f",
    )
    world.fail("t")
    assert world.decided("t") == TRUSTED
    assert world.control("f") == SEARCHED
    assert world.args("f").at(("x",)).whole == SEARCHED


def test_a_map_keeps_its_items_apart_and_is_chosen_by_its_list() -> None:
    tools = TOOLS | {"lists": ToolSecurity(source=["user"], fields={"$[1]": ["web"]})}
    world = run(
        tool("t", "lists", inputs={}),
        function("m", parallel=True, inputs={"x": "{{item}}"}),
        function("f", inputs={"all": "m.output", "one": "m.output[0]"}),
        edges="t>m m>f",
        security=security(tools=tools),
    )
    world.succeed("t", ["a", "b"])
    assert world.decided("m") == USER
    assert world.control("m[1]") == USER
    assert world.args("m[0]").at(("x",)).whole == USER
    assert world.args("m[1]").at(("x",)).whole == WEB
    world.succeed("m[0]", 1)
    world.succeed("m[1]", 2)
    assert world.args("f").at(("one",)).whole == USER
    assert world.args("f").at(("all", 1)).whole == WEB
    assert world.args("f").at(("all",)).root == USER


def test_a_signal_is_a_user_s() -> None:
    world = run(
        signal("s", "go", timeout_ms=1000, default={"ok": False}), function("f", inputs={"x": "s.output"}), edges="s>f"
    )
    [timer] = world.timers
    world.fire(timer)
    assert world.args("f").at(("x",)).whole.integrity == Integrity.USER


def test_a_loop_is_chosen_by_its_condition() -> None:
    world = run(
        loop(
            "l",
            tool("b", "search", inputs={}),
            until="loop.output.text == 'done'",
        ),
        function("f", inputs={"x": "l.output"}),
        edges="l>f",
    )
    assert world.control("l~1/b") == TRUSTED
    world.succeed("l~1/b", {"text": "more"})
    assert world.control("l~2/b") == SEARCHED
    world.succeed("l~2/b", {"text": "done"})
    assert world.control("f") == SEARCHED
    assert world.args("f").at(("x", "id")).whole == SEARCHED


def test_that_an_iteration_gave_nothing_tells_what_decided_it() -> None:
    body = function("b", inputs={}, condition="t.output.text == 'go'")
    world = run(tool("t", "search", inputs={}), loop("l", body, until="true"), edges="t>l")
    world.succeed("t", {"text": "stay"})
    assert world.step("l").output.value is None
    assert world.given("l").whole == SEARCHED


def test_the_output_of_an_iteration_tells_that_it_was_the_last_one() -> None:
    node = loop("l", function("b", inputs={}), until="t.output.text == 'go'")
    late = function("f", inputs={"all": "l.outputs"})
    world = run(tool("t", "search", inputs={}), node, late, edges="t>l l>f")
    world.succeed("t", {"text": "go"})
    world.succeed("l~1/b", 1)
    assert world.given("l~1/b").whole == TRUSTED
    assert world.given("l").whole == SEARCHED
    assert world.args("f").at(("all", 0)).whole == SEARCHED


@pytest.mark.parametrize(("optional", "label"), [(True, SEARCHED), (False, TRUSTED)])
def test_that_an_optional_loop_succeeded_tells_of_its_body(optional: bool, label: Label) -> None:
    body = (tool("b", "search", inputs={}), tool("g", "table", inputs={}))
    node = loop("l", *body, edges="b>g", until="loop.iteration == 1") | {"policy": {"optional": optional}}
    world = run(
        node,
        function("f", inputs={"x": "l.output.n"}),
        edges="l>f",
        security=security(tools=TOOLS | {"table": ToolSecurity(source=["trusted"])}),
    )
    world.succeed("l~1/b", {"text": "page"})
    world.succeed("l~1/g", {"n": 1})
    assert world.args("f").at(("x",)).whole == label
    assert world.given("l").whole == label


def test_a_chained_request_says_what_the_fold_would() -> None:
    spec = resolved(
        tool("a", "search", inputs={"q": "{{q}}"}),
        tool("b", "table", inputs={"x": "a.output", "id": "a.output.id", "q": "{{q}}"}),
        function("c", inputs={"x": "b.output", "y": {"z": "a.output.text"}}),
        edges="a>b b>c",
    )
    chained, plain = Labelled(), Labelled()
    chained.rules = RunFold(chain_steps=True)
    for world in (chained, plain):
        world.begin(spec, {"q": "x"})
    request, output = chained.asked_of("a"), Inline(value={"id": 1, "text": "t"}, labels={"$.text": ["class:card"]})
    for step_id, given in (("a", output), ("b", Inline(value={"n": 1}))):
        following = next_request(request, given, 0, chained.now_ms)
        assert following is not None
        plain.succeed(step_id, given)
        assert following.security == plain.asked_of(following.step_id).security
        chained.succeed(step_id, given, chain="continues")
        request = following
    assert len(chained.requests) == 1
    assert chained.step("b").output == plain.step("b").output
    assert label_of(chained.step("c").read) == label_of(plain.step("c").read)


def test_a_restored_run_asks_with_the_same_labels() -> None:
    world = run(tool("t", "search", inputs={}), function("f", inputs={"x": "t.output"}), edges="t>f")
    world.succeed("t", {"id": 1})
    entries = world.snapshot()
    asked = world.rules.outstanding(world.state, "run-1", world.now_ms)
    decoded = {name: world.rules.decode("run-1", name, data) for name, data in entries["run-1"].items()}
    assert decoded["se"].record == security()
    assert decoded["s:t"] == world.step("t")
    again = [getattr(one, "record", None) for one in asked]
    assert world.asked_of("f") in again


def test_a_closed_schema_endorses_and_the_audit_log_says_so() -> None:
    spec = resolved(tool("t", "search", inputs={}), llm("m", inputs={"word": "t.output"}), edges="t>m")
    world = Labelled()
    world.begin(spec, security=security(closed={"flow": ["m"]}))
    world.succeed("t", {"id": 1})
    assert [one for one in world.commands if isinstance(one, Emit) and isinstance(one.record, AuditEvent)] == []
    world.succeed("m", {"kind": "spam"})
    assert world.given("m").whole == Label(Integrity.TRUSTED, origins=frozenset({"search"}))
    [said] = [one.record for one in world.last if isinstance(one, Emit) and isinstance(one.record, AuditEvent)]
    assert (said.kind, said.subject, said.reason, said.step_id) == ("label", "flow/m", "closed schema", "m")
    assert said.details == {"from": "web from:search", "to": "trusted from:search"}
    again = Labelled()
    again.begin(spec, security=security(closed={"other": ["m"]}))
    again.succeed("t", {"id": 1})
    again.succeed("m", {"kind": "spam"})
    assert again.given("m").whole == SEARCHED


def test_an_agent_is_tainted_by_what_its_tools_said() -> None:
    tools = TOOLS | {"t": ToolSecurity(source=["trusted"]), "u": ToolSecurity(source=["web"])}
    world = run(assistant("a", inputs={"word": "{{q}}"}), inputs={"q": "x"}, security=security(tools=tools))
    first = world.asked_of("a/turn-1").security
    assert first is not None
    assert (first.agent, first.context, first.control, set(first.tools)) == (True, ["user"], ["trusted"], {"t", "u"})
    world.succeed("a/turn-1", {"text": ""}, tool_calls=[ToolUse(id="1", name="t"), ToolUse(id="2", name="u")])
    assert world.args("a/turn-1/u[1]").whole == USER
    assert world.control("a/turn-1/u[1]") == USER
    world.succeed("a/turn-1/t[0]", 1)
    assert world.given("a/turn-1/t[0]").whole == USER
    world.fail("a/turn-1/u[1]", retryable=False)
    second = world.asked_of("a/turn-2").security
    assert second is not None
    # The error of a tool is read as its result is.
    assert (second.context, second.control) == (["web"], ["trusted"])
    assert world.args("a/turn-2").at(("word",)).whole == USER
    world.succeed("a/turn-2", {"text": ""}, tool_calls=[ToolUse(id="1", name="t")])
    call = world.asked_of("a/turn-2/t[0]").security
    assert call is not None
    assert (call.args, call.control, call.context) == ({"$": ["web"]}, ["web"], ["web"])
    assert call.tool == tools["t"]
    world.succeed("a/turn-2/t[0]", 1)
    world.succeed("a/turn-3", {"text": "done"})
    assert world.given("a") == Labels.of_whole(WEB)


def test_an_agent_of_a_map_reads_its_item() -> None:
    tools = {"lists": ToolSecurity(source=["trusted"], fields={"$[1]": ["web"]})}
    world = run(
        tool("l", "lists", inputs={}),
        assistant("a", parallel=True, inputs={"word": "{{item}}"}),
        edges="l>a",
        security=security(tools=tools),
    )
    world.succeed("l", ["a", "b"])
    contexts = [one.security.context for one in world.requests[1:] if one.security is not None]
    assert contexts == [["trusted"], ["web"]]


def test_what_compensates_is_chosen_by_what_failed() -> None:
    spec = resolved(
        tool("t", "search", inputs={}),
        function("u", inputs={"of": "t.output", "why": "{{run_error_code}}"}),
        on_failure="u",
    )
    world = Labelled()
    world.begin(spec)
    world.fail("t", retryable=False)
    assert world.control("u") == SEARCHED
    assert world.args("u").at(("why",)).whole == SEARCHED
    canceled = Labelled()
    canceled.begin(resolved(function("a", inputs={}), function("u", inputs={}), on_cancel="u"))
    canceled.cancel()
    assert canceled.control("u").integrity == Integrity.USER


def test_what_compensates_when_the_time_was_up_is_chosen_by_what_was_still_open() -> None:
    nodes = (tool("done", "search", inputs={}), tool("open", "table", inputs={"q": "{{q}}"}), function("u", inputs={}))
    world = Labelled()
    world.begin(limited(*nodes, deadline_ms=1_000, on_failure=["u"]), {"q": "x"})
    world.succeed("done", {"id": 1})
    world.fire("deadline")
    assert world.control("u") == USER


def test_results_of_another_run_keep_their_labels() -> None:
    spec = resolved(
        tool("t", "search", inputs={}),
        switch("s", ("t.output.id == 1", "f"), default="g"),
        function("f", inputs={"x": "t.output"}),
        function("g", inputs={}),
        edges="t>s s>f s>g",
    )
    for labels, expected in (({"$": ["user"]}, USER), ({}, UNLABELLED)):
        world = Labelled()
        output = Inline(value={"id": 1}, labels=labels)
        world.begin(spec, reuse={"t": Reused(output=output)}, source="fork:run-0")
        assert world.args("f").at(("x",)).whole == expected
        assert world.control("f") == expected
        assert world.decided("g") == expected


def test_a_reused_loop_was_chosen_by_its_condition() -> None:
    spec = resolved(
        loop("l", tool("b", "search", inputs={}), until="loop.output.id == 1"),
        function("f", inputs={"n": "l.outputs"}),
        edges="l>f",
    )
    world = Labelled()
    output = Inline(value={"id": 1}, labels={"$": ["web"]})
    world.begin(spec, reuse={"l": Reused(output=output, children=[output])}, source="fork:run-0")
    assert world.control("f") == WEB
    assert world.args("f").at(("n", 0)).whole == WEB


def test_a_reused_loop_was_chosen_by_the_iteration_before_its_last_where_its_condition_reads_that() -> None:
    spec = resolved(
        loop("l", tool("b", "search", inputs={}), until="loop.previous.id == 1"), function("f", inputs={}), edges="l>f"
    )
    world = Labelled()
    before, last = (Inline(value={"id": n}, labels={"$": [word]}) for n, word in ((1, "web"), (2, "user")))
    world.begin(spec, reuse={"l": Reused(output=last, children=[before, last])}, source="fork:run-0")
    assert world.control("f") == WEB


@pytest.mark.parametrize("asks", ["until", "while"])
def test_a_reused_loop_was_chosen_by_each_of_its_iterations(asks: str) -> None:
    """The run that it comes from says the same: its condition read each of them."""
    spec = resolved(
        loop("l", tool("b", "search", inputs={}), **{asks: "loop.previous.id == 1"}, max_iterations=3),
        function("f", inputs={}),
        edges="l>f",
    )
    world = Labelled()
    outputs = [Inline(value={"id": n}, labels={"$": [word]}) for n, word in enumerate(("web", "user", "user"))]
    world.begin(spec, reuse={"l": Reused(output=outputs[-1], children=outputs)}, source="fork:run-0")
    assert world.control("f") == WEB


def test_what_its_join_skips_has_asked_nothing() -> None:
    """Its condition reads what is not there yet; the join that skips it did not wait for that."""
    world = run(
        tool("t", "search", {"optional": True, "retries": {"max_attempts": 1}}, inputs={}),
        function("slow", inputs={}),
        function("f", inputs={}, condition="slow.output == 1") | {"join": "all"},
        function("g", inputs={}, join="all_done"),
        edges="t>f slow>f f>g",
    )
    world.fail("t")
    assert world.step("f").state == "skipped"
    assert world.decided("f") == SEARCHED
    assert world.control("g") == SEARCHED


def test_an_early_step_is_labelled_by_what_it_did_not_wait_for() -> None:
    world = run(
        tool("t", "search", inputs={}),
        function("a", inputs={"x": "{{q}}"}),
        function("f", inputs={"t": "t.output", "a": "a.output"}, condition="t.output == null") | {"join": "any"},
        edges="t>f a>f",
        inputs={"q": "x"},
    )
    world.succeed("a", 1)
    # It is null since the search still runs, which is decided by nothing, and reads nothing.
    assert world.args("f").at(("t",)).whole == TRUSTED
    assert world.args("f").at(("a",)).whole == USER
    assert world.control("f") == USER


def test_a_node_that_its_join_skips_while_what_its_condition_reads_still_runs() -> None:
    """Its condition is never asked, and must not be looked up: a fold that stops here stops all runs beside it."""
    late = tool("last", "mail", join="all", condition="slow.output != null")
    gone = tool("gone", "search", condition="false")
    world = run(tool("slow", "search"), gone, late, edges="slow>last gone>last")
    assert world.states()["last"] == "skipped"
    assert world.decided("last") == TRUSTED


def test_an_early_step_of_a_loop_is_labelled_by_what_it_did_not_wait_for() -> None:
    late = function("f", inputs={"t": "t.output", "a": "a.output"}, join="any")
    body = (tool("t", "search", inputs={}), function("a", inputs={"x": "{{q}}"}), late)
    world = run(loop("l", *body, edges="t>f a>f", until="true"), inputs={"q": "x"})
    world.succeed("l~1/a", 1)
    # It is null since the search still runs, which nothing untrusted decided.
    assert world.args("l~1/f").at(("t",)).whole == TRUSTED
    assert world.args("l~1/f").at(("a",)).whole == USER
