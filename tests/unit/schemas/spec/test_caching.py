"""``cache`` of nodes and workflows: as a boolean, or the guide's object."""

from typing import Any

import pytest

from schemas.errors import InvalidSpec
from schemas.records.steps import CacheWish, LlmCall, SemanticWish
from schemas.spec.caching import CachePolicy, size_of
from schemas.spec.check.workflow import check_spec, parse_workflow
from schemas.spec.hash import resolve
from schemas.spec.model import PinnedPrompt
from schemas.spec.text.document import document_of
from tests.support.runs import World, loop, prompt, spec, submitted

GUIDE = {"enabled": True, "ttl": 3600, "max_size": "1GB"}
PROMPTS = {"p@1": PinnedPrompt(name="p", version=1, template="Say {{word}}", hash="h")}


def document(cache: Any = None, workflow_cache: Any = None, kind: str = "llm", **config: Any) -> dict[str, Any]:
    own = {} if cache is None else {"cache": cache}
    node = {"id": "a", "type": kind, "config": {"prompt_ref": "p@1"} | own | config}
    whole = {"name": "flow", "version": 1, "dag": {"nodes": [node]}}
    return whole if workflow_cache is None else whole | {"cache": workflow_cache}


def problems(document: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidSpec) as caught:
        check_spec(parse_workflow(document), prompts=PROMPTS, tools={"t"}, functions=set())
    return [str(problem) for problem in caught.value.problems]


def work_of(cache: Any = None, workflow_cache: Any = None) -> LlmCall:
    whole = document(cache, workflow_cache) | {}
    whole["dag"]["nodes"][0]["config"]["prompt_ref"] = "ask@1"
    world = World()
    world.feed(submitted(resolve(parse_workflow(whole), {"ask@1": prompt()}), inputs={"word": "x"}))
    work = world.requests[-1].work
    assert isinstance(work, LlmCall)
    return work


@pytest.mark.parametrize("cache", [GUIDE, True, {"stale": 5, "semantic": {"variable": "word"}}, {"enabled": False}])
def test_a_document_keeps_what_it_says(cache: Any) -> None:
    for one in (parse_workflow(document(cache)), parse_workflow(document(workflow_cache=cache))):
        assert parse_workflow(document_of(one)) == one


def test_documents_without_it_are_written_as_before() -> None:
    written = document_of(parse_workflow(document(True)))
    assert written["dag"]["nodes"][0]["config"] == {"prompt_ref": "p@1", "cache": True}
    assert "cache" not in document_of(parse_workflow(document(False)))["dag"]["nodes"][0]["config"]


def test_the_guides_object_reaches_the_worker() -> None:
    work = work_of(GUIDE)
    wish = CacheWish(ttl_s=3600, space="flow/a", max_bytes=2**30)
    assert (work.cache, work.cache_wish) == (True, wish)
    work = work_of({"semantic": {"variable": "word", "threshold": 0.9}, "negative_ttl": 0, "stale": 4})
    semantic = SemanticWish(variable="word", threshold=0.9)
    assert work.cache_wish == CacheWish(negative_s=0, stale_s=4, semantic=semantic)


def test_the_workflows_cache_is_of_nodes_that_have_none() -> None:
    assert work_of(workflow_cache=True).cache
    assert work_of(workflow_cache={"max_size": 5000}).cache_wish == CacheWish(space="flow", max_bytes=5000)
    assert work_of(True, GUIDE).cache_wish is None
    opted_out = work_of({"enabled": False}, GUIDE)
    assert (opted_out.cache, opted_out.cache_wish) == (False, None)
    assert not work_of(GUIDE | {"enabled": False}).cache


def test_a_node_inside_of_a_loop_has_one_too() -> None:
    node = {"id": "b", "type": "llm", "config": {"prompt_ref": "ask@1", "cache": {"ttl": 5}}}
    inside = spec(loop("l", node)).dag.nodes[0]
    assert inside.type == "loop"
    (body,) = inside.config.body
    assert body.type == "llm"
    assert body.config.cache_policy == CachePolicy(ttl=5)


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ({"ttl": 0}, "dag.nodes[0].config.cache.ttl: "),
        ({"ttl": "1_0"}, "dag.nodes[0].config.cache.ttl: "),
        ({"max_size": "1 potato"}, "dag.nodes[0].config.cache.max_size"),
        ({"max_size": 5}, "dag.nodes[0].config.cache.max_size"),
        ({"tll": 5}, "dag.nodes[0].config.cache.tll: the field `tll` is unknown; did you mean 'ttl'?"),
        ({"enabled": "maybe"}, "dag.nodes[0].config.cache.enabled: "),
        ({"negative_ttl": 4_000}, "dag.nodes[0].config.cache.negative_ttl: "),
        ({"semantic": {"threshold": 2, "variable": "word"}}, "dag.nodes[0].config.cache.semantic.threshold: "),
        ({"semantic": {"variable": "wrod"}}, "dag.nodes[0].config.cache.semantic.variable: the prompt"),
    ],
)
def test_a_wrong_policy_is_refused_where_it_is_written(cache: Any, said: str) -> None:
    found = problems(document(cache))
    assert any(one.startswith(said) for one in found), found


def test_a_wrong_policy_of_a_workflow_is_refused() -> None:
    (said,) = problems(document(workflow_cache={"ttl": -1}))
    assert said.startswith("cache.ttl: ")


@pytest.mark.parametrize("cache", [True, GUIDE])
def test_turns_of_an_agent_cannot_be_cached(cache: Any) -> None:
    (said,) = problems(document(cache, kind="agent", tools=["t"]))
    assert said.startswith("dag.nodes[0].config.cache: turns of an agent cannot be cached")


@pytest.mark.parametrize(
    ("written", "size"), [("1GB", 2**30), ("1.5kb", 1536), ("2 MiB", 2**21), ("2048", 2048), (7, 7), ("1T", 2**40)]
)
def test_sizes(written: int | str, size: int) -> None:
    assert size_of(written) == size
