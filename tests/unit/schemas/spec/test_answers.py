"""Answers of signals: which step answers which, and what is refused at registration."""

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.answers import answering_step, answers_of
from schemas.spec.check.workflow import check_spec, parse_workflow


def ask(id_="ask", **config):
    return {"id": id_, "type": "signal", "config": {"name": "go"} | config}


def reply(id_="reply"):
    return {"id": id_, "type": "function", "config": {"function_name": "merge"}}


def checked(*nodes, edges=("ask", "reply")):
    pairs = [{"from": edges[i], "to": edges[i + 1]} for i in range(len(edges) - 1)]
    document = {"name": "f", "version": 1, "dag": {"nodes": list(nodes), "edges": pairs}}
    return check_spec(parse_workflow(document), prompts={}, tools=[], functions=["merge"]).spec


def test_a_node_after_the_signal_answers():
    answers = answers_of(checked(ask(answer="reply.output.text"), reply()))
    found = answering_step(answers, "ask")
    assert found is not None
    assert (found[0].name, found[0].reference.path, found[1]) == ("go", ("text",), "reply")
    assert answering_step(answers, "reply") is None


def test_inside_of_a_loop_the_same_iteration_answers():
    body = {"body": [ask(answer="reply.output"), reply()], "edges": [{"from": "ask", "to": "reply"}], "until": "false"}
    loop = {"id": "talk", "type": "loop", "config": body | {"max_iterations": 3, "output": "reply.output"}}
    found = answering_step(answers_of(checked(loop, edges=())), "talk~2/ask")
    assert found is not None
    assert found[1] == "talk~2/reply"


@pytest.mark.parametrize(
    ("answer", "said", "fix"),
    [
        ("reply", "is no reference", "write <node>.output"),
        ("rply.output", "there is no node 'rply'", "name a node"),
        ("before.output", "does not run after 'ask'", "add edges"),
        ("ask.output", "does not run after 'ask'", "add edges"),
    ],
)
def test_an_answer_that_is_none_is_refused(answer, said, fix):
    with pytest.raises(InvalidSpec) as refused:
        checked(reply("before"), ask(answer=answer), reply(), edges=("before", "ask", "reply"))
    (problem,) = refused.value.problems
    assert problem.path == "dag.nodes[1].config.answer"
    assert said in problem.message
    assert fix in problem.fix


def test_a_mapped_signal_has_no_answer_and_a_schema_is_checked():
    with pytest.raises(InvalidSpec, match="a mapped signal has no answer"):
        checked(ask(answer="reply.output", parallel=True, items=[1]), reply())
    with pytest.raises(InvalidSpec, match="input_schema"):
        checked(ask(input_schema={"type": "nothing"}), reply())
