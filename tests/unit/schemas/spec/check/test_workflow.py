"""A workflow is checked whole on registration: every problem, where it is, and how to mend it."""

import pytest
import yaml

from schemas.errors import InvalidSpec
from schemas.spec.check.workflow import check_spec, parse_workflow, prompt_refs, resolve
from schemas.spec.hash import spec_hash
from tests.support.runs import function, llm, prompt, spec

DOCUMENT_ANALYSIS = """
name: document_analysis
version: 1
dag:
  nodes:
    - id: ingest
      type: tool
      config:
        tool_name: s3.fetch
        tool_args: {bucket: documents, key: "{{document_key}}"}
    - id: analyze
      type: llm
      config:
        prompt_ref: document_analyzer@3
        inputs: {content: "ingest.output"}
      policy: {quality: Gold, sla_ms: 30000}
  edges:
    - {from: ingest, to: analyze}
"""
MAP_REDUCE = """
name: map_reduce_analysis
version: 1
dag:
  nodes:
    - id: split
      type: function
      config: {function_name: text_splitter, function_args: {chunk_size: 1000}}
    - id: map_analyze
      type: llm
      config: {prompt_ref: chunk_analyzer@2, parallel: true}
    - id: reduce_summarize
      type: llm
      config: {prompt_ref: summarizer@1, inputs: {chunks: "map_analyze.output"}}
  edges:
    - {from: split, to: map_analyze}
    - {from: map_analyze, to: reduce_summarize}
"""
CONDITIONAL = """
name: conditional_processing
version: 1
dag:
  nodes:
    - id: classify
      type: llm
      config: {prompt_ref: document_classifier@1}
    - id: process_text
      type: llm
      config:
        prompt_ref: text_processor@2
        condition: "classify.output.type == 'text'"
    - id: process_image
      type: tool
      config:
        tool_name: image_analyzer
        condition: "classify.output.type == 'image'"
    - id: merge
      type: function
      config: {function_name: result_merger}
  edges:
    - {from: classify, to: process_text}
    - {from: classify, to: process_image}
    - {from: process_text, to: merge}
    - {from: process_image, to: merge}
"""
PROMPTS = {
    "document_analyzer@3": prompt("Analyze {{content}}", "document_analyzer", 3),
    "chunk_analyzer@2": prompt("Part {{index}}: {{item}}", "chunk_analyzer", 2),
    "summarizer@1": prompt("Sum up {{ .chunks }}", "summarizer", 1),
    "ask@1": prompt("Say {{word}}"),
    "const@1": prompt("Say hello", "const"),
    "document_classifier@1": prompt("Classify {{content}}", "document_classifier", 1),
    "text_processor@2": prompt("Process {{classify}}", "text_processor", 2),
}


TOOLS = {"s3.fetch", "image_analyzer"}
FUNCTIONS = {"echo", "text_splitter", "result_merger"}


def check(document, prompts=PROMPTS):
    parsed = parse_workflow(document) if isinstance(document, str | dict) else document
    return check_spec(parsed, prompts=prompts, tools=TOOLS, functions=FUNCTIONS)


def problems_of(document, **more):
    with pytest.raises(InvalidSpec) as caught:
        check(document, **more)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("document", "required"),
    [(DOCUMENT_ANALYSIS, {"document_key"}), (MAP_REDUCE, set()), (CONDITIONAL, {"content"})],
    ids=["simple", "map", "conditional"],
)
def test_the_guides_workflows_pass(document, required):
    checked = check(document)
    assert checked.required_inputs == required
    assert checked.resolved.prompts.keys() == prompt_refs(checked.spec)
    assert check(yaml.safe_load(document)).spec == checked.spec


GOOD = "{id: a, type: function, config: {function_name: echo}}"


def document(nodes, edges=""):
    return f"name: flow\nversion: 1\ndag:\n  nodes:\n    - {nodes}\n  edges: [{edges}]\n"


@pytest.mark.parametrize(
    ("nodes", "edges", "expected"),
    [
        ("{id: a, type: llmm, config: {}}", "", "dag.nodes[0].type: there is no node type 'llmm'; did you mean 'llm'?"),
        ("{id: a, config: {}}", "", "dag.nodes[0].type: is missing; write one of llm, tool, function"),
        ("{id: a b, type: tool, config: {tool_name: s3.fetch}}", "", "dag.nodes[0].id: 'a b' is not a valid name"),
        ("{id: a, type: llm, config: {prompt_ref: a@B}}", "", "dag.nodes[0].config.prompt_ref: 'a@B' is not a valid"),
        ("{id: a, type: tool, config: {tool_nam: x}}", "", "config.tool_nam: the field `tool_nam` is unknown; did you"),
        ("{id: a, type: tool, config: {}}", "", "dag.nodes[0].config.tool_name: is missing; add `tool_name`"),
        (GOOD[:-1] + ", polcy: {}}", "", "dag.nodes[0].polcy: the field `polcy` is unknown; did you mean 'policy'?"),
        (GOOD[:-1] + ", policy: {quality: Glod}}", "", "there is no quality 'glod'; did you mean 'gold'?"),
        (GOOD[:-1] + ", policy: {timeout_ms: 0}}", "", "policy.timeout_ms: input should be greater than 0 (it is 0);"),
        (GOOD[:-1] + ", policy: {retries: {max_atempts: 3}}}", "", "did you mean 'max_attempts'?"),
        (GOOD, "{from: a}", "dag.edges[0].to: is missing; add `to`"),
        (GOOD, "{frm: a, to: a}", "dag.edges[0].frm: the field `frm` is unknown; did you mean 'from'?"),
        (GOOD, "{from: a, to: b}", "dag.edges[0].to: there is no node 'b'; known are a"),
        (GOOD, "{from: a, to: a}", "dag.edges[0]: the node 'a' would wait for itself; remove the edge"),
        (f"{GOOD}\n    - {GOOD}", "", "dag.nodes[1].id: the id 'a' is taken by dag.nodes[0]; give each node"),
        (GOOD.replace("id: a", "id: item"), "", "dag.nodes[0].id: 'item' is reserved"),
        (GOOD.replace("echo", "ecko"), "", "config.function_name: there is no function 'ecko'; did you mean 'echo'?"),
        ("{id: a, type: tool, config: {tool_name: s3}}", "", "tool_name: there is no tool 's3'; known are"),
        ("{id: a, type: llm, config: {prompt_ref: aks@1}}", "", "there is no prompt 'aks@1'; did you mean 'ask@1'?"),
        (GOOD.replace("echo", "echo, parallel: true"), "", "config.parallel: 'a' has 0 predecessors, so the"),
        (GOOD.replace("echo", "echo, items: [1]"), "", "config.items: a node that is not parallel has no items;"),
        (GOOD.replace("echo", "echo, max_parallel: 2"), "", "config.max_parallel: a node that is not parallel has no"),
        (GOOD.replace("echo", "echo, on_child_error: skip"), "", "config.on_child_error: a node that is not parallel"),
        (
            GOOD.replace("echo", "echo, parallel: true, items: text"),
            "",
            "dag.nodes[0].config.items: 'text' is not a list; write a list, <node>.output or {{run_input}}",
        ),
        (GOOD.replace("echo", "echo, inputs: {x: [b.output]}"), "", "inputs.x[0]: 'b.output' refers to the node 'b'"),
        (GOOD.replace("echo", "echo, function_args: {x: {y: a.output}}"), "", "function_args.x.y: 'a.output' refers"),
    ],
)  # fmt: skip
def test_each_problem_names_its_place_and_its_fix(nodes, edges, expected):
    problems = problems_of(document(nodes, edges))
    assert [p for p in problems if expected in p], problems


def test_a_cost_that_would_be_nothing_is_refused():
    agent = llm("a", "const@1", tools=["s3.fetch"], max_cost_cents="0.00000000001") | {"type": "agent"}
    [problem] = problems_of(spec(agent))
    assert "config.max_cost_cents: is less than the smallest amount, 0.0000001 cents; write a higher" in problem


def test_cycles_are_named():
    looped = spec(*(function(n) for n in "abcd"), edges="a>b b>c c>d d>b")
    assert problems_of(looped) == [
        "dag.edges: the nodes wait for each other in a cycle: b -> c -> d -> b; remove one of the edges"
    ]


def test_duplicate_edges():
    assert problems_of(spec(function("a"), function("b"), edges="a>b a>b")) == [
        "dag.edges[1]: the edge from 'a' to 'b' repeats dag.edges[0]; remove one"
    ]


def test_a_reference_needs_a_path_of_edges():
    nodes = [function("a"), function("b"), function("c", inputs={"x": "a.output", "y": "b.output.z"})]
    assert check(spec(*nodes, edges="a>b b>c")).required_inputs == frozenset()  # a is an ancestor, not a predecessor
    [problem] = problems_of(spec(*nodes, edges="a>c"))
    assert problem.startswith("dag.nodes[2].config.inputs.y: 'b.output.z' refers to 'b', which does not run before 'c'")
    assert problem.endswith("add an edge that leads from 'b' to 'c'")


def test_braces_do_not_take_outputs():
    nodes = [function("a"), function("b", inputs={"x": "it is {{a.output.text}}"})]
    assert "braces take run inputs only" in problems_of(spec(*nodes, edges="a>b"))[0]


def test_a_bad_shape_does_not_hide_the_rest():
    bad = document("{id: a, type: tool, config: {tool_name: x, y: z.output}}\n    - {id: b}", "{from: a, to: zz}")
    problems = problems_of(bad)
    assert any("dag.nodes[0].config.y: the field `y` is unknown" in p for p in problems)
    assert any("dag.nodes[1].type: is missing" in p for p in problems)
    assert any("dag.edges[0].to: there is no node 'zz'" in p for p in problems)


def test_all_problems_come_at_once():
    nodes = [llm("a", "nope@1"), function("b", function_name="nope"), function("c", inputs={"x": "q.output"})]
    problems = problems_of(spec(*nodes, edges="a>b b>zz c>c"))
    assert len(problems) == 5, problems


@pytest.mark.parametrize(
    ("nodes", "edges", "required"),
    [
        ([llm("a")], "", {"word"}),
        ([llm("a", inputs={"word": "x"})], "", set()),
        ([llm("a", inputs={"word": "{{ .w }} {{w}} {{v.deep}}"})], "", {"w", "v"}),
        ([function("a", function_args={"x": [{"y": "{{z}}"}]})], "", {"z"}),
        ([function("a", parallel=True, items="{{ds}}", inputs={"x": "{{item}} {{index}} {{z}}"})], "", {"ds", "z"}),
        ([function("a", function_args={"x": "{{item}}"})], "", {"item"}),
        ([llm("a", "chunk_analyzer@2", parallel=True, items=[1])], "", set()),
        ([function("word"), llm("a")], "word>a", set()),
        ([llm("a", "const@1"), function("b")], "a>b", set()),
    ],
)  # fmt: skip
def test_required_inputs(nodes, edges, required):
    assert check(spec(*nodes, edges=edges)).required_inputs == required


@pytest.mark.parametrize(
    ("nodes", "edges", "expected"),
    [
        ([llm("a", inputs={"wrd": 1})], "", "dag.nodes[0].config.inputs: the prompt 'ask@1' needs 'word', which"),
        ([function("f"), llm("a")], "f>a", "dag.nodes[1].config.prompt_ref: the prompt 'ask@1' needs 'word',"),
        ([function("f"), llm("a", "chunk_analyzer@2")], "f>a", "needs 'index'"),
        ([function("f"), llm("a", "chunk_analyzer@2", inputs={"item": 1})], "f>a", "needs 'index'"),
    ],
)  # fmt: skip
def test_prompt_variables_must_be_given(nodes, edges, expected):
    problems = problems_of(spec(*nodes, edges=edges))
    assert [p for p in problems if expected in p], problems


def test_a_looked_up_prompt_that_is_not_there_is_unknown():
    assert "there is no prompt 'ask@1'; create it first" in problems_of(spec(llm("a")), prompts={"ask@1": None})[0]


def test_the_hash_is_of_the_content():
    one, two = spec(llm("a"), function("b"), edges="a>b"), spec(llm("a"), function("b"))
    first = resolve(one, PROMPTS)
    assert first.prompts.keys() == {"ask@1"}
    assert first.hash == resolve(one, {"ask@1": PROMPTS["ask@1"]}).hash
    assert first.hash != resolve(two, PROMPTS).hash
    assert first.hash != resolve(one, {"ask@1": prompt("Other {{word}}")}).hash
    again = type(first).model_validate_json(first.model_dump_json(by_alias=True))
    assert spec_hash(again.spec, again.prompts) == first.hash


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.outputs", "write a.output as the whole value; for this text as it is write {literal: \"a.outputs\"}"),
        ({"deep": ["${a.output}"]}, "inputs.x.deep[0]: '${a.output}' is a form of other languages; write a.output;"),
        ("{{größe}}", "'{{größe}}' names no variable"),
        ("c.output", "known are a, b; for this text as it is write {literal: \"c.output\"}"),
    ],
)  # fmt: skip
def test_a_text_that_looks_like_a_reference_is_refused(value, expected):
    nodes = [function("a"), function("b", inputs={"x": value})]
    problems = problems_of(spec(*nodes, edges="a>b"))
    assert len(problems) == 1
    assert expected in problems[0]


@pytest.mark.parametrize("text", ["a.outputs", "a.output", "{{größe}}", "{{x}}", "${a.output}"])
def test_a_literal_may_be_any_text_at_any_depth(text):
    nodes = [
        function("a"),
        function("b", inputs={"x": {"deep": [{"literal": text}]}}, function_args={"y": {"literal": text}}),
    ]
    assert check(spec(*nodes, edges="a>b")).required_inputs == frozenset()


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (llm("b", "const@1", model="{{m}}", inputs={}), "config.model: '{{m}}' is no name: `model` takes no template"),
        (function("b", function_config={"k": ["a.output"]}), "function_config.k[0]: 'a.output' is an output, and"),
        (llm("b", "const@1", system="Greet {{x}}", inputs={}), "config.system: '{{x}}' would stay as it is: `system`"),
        (function("b", condition="{{x}} == 1"), "config.condition: it has braces, and is no template; name"),
    ],
)  # fmt: skip
def test_a_template_where_none_may_stand_is_refused(node, expected):
    [problem] = problems_of(spec(function("a"), node, edges="a>b"))
    assert expected in problem
