"""The guide's workflows as they are in ``examples``, on real engines with the local models: what its reader expects."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from deploy.local.run_rows import rows
from deploy.local.samples.runs import submissions
from deploy.local.system import System
from tests.support.client import Json, register_examples, submit, wait_for_run

DEADLINE_S = 60.0
Runs = dict[tuple[str, str], Json]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Every run of the sample, ended, by workflow and document."""
    with System(tmp_path_factory.mktemp("system"), durable=False) as system, system.client() as client:
        register_examples(client)
        yield all_runs(client)


def all_runs(client: httpx.Client) -> Runs:
    ids = {(body["workflow_name"], body["tags"]["document"]): submit(client, body) for body in submissions()}
    return {name: wait_for_run(client, run_id, DEADLINE_S, outputs=True) for name, run_id in ids.items()}


def states(run: Json) -> dict[str, str]:
    return {step["id"]: step["status"] for step in run["steps"]}


def outputs(run: Json) -> dict[str, Any]:
    return {step["id"]: step["output"] for step in run["steps"]}


def in_order(run: Json, *steps: str) -> bool:
    """Whether each step ended before the next one began."""
    times = [(run["by_id"][step]["started_at"], run["by_id"][step]["finished_at"]) for step in steps]
    return all(before[1] <= after[0] for before, after in pairwise(times))


def test_all_of_them_succeed(runs: Runs) -> None:
    assert {name: run["status"] for name, run in runs.items()} == dict.fromkeys(runs, "succeeded")
    assert {workflow for workflow, _ in runs} >= {
        "document_analysis",
        "map_reduce_analysis",
        "conditional_processing",
        "content_moderation",
        "multi_lang_translation",
        "cost_optimized_processing",
        "refine_until_good",
    }


def test_a_text_takes_the_text_branch(runs: Runs) -> None:
    run = runs["conditional_processing", "a text"]
    assert states(run) == {
        "classify": "succeeded", "process_text": "succeeded", "process_image": "skipped", "merge": "succeeded"
    }  # fmt: skip
    image = run["by_id"]["process_image"]
    assert image["note"] == "condition: classify.output.type == 'image' is false"
    assert (image["attempts"], image["cost_usd"], image["started_at"]) == (0, "0", None)
    assert outputs(run)["classify"]["type"] == "text"
    assert run["output"] == {"merge": outputs(run)["process_text"]}
    assert "Key sentences:" in run["output"]["merge"]
    assert in_order(run, "classify", "process_text", "merge")
    shown = [(row.name, row.state, row.style) for row in rows(run) if row.name == "process_image"]
    assert shown == [("process_image", f"skipped ({image['note']})", "dim")]


def test_an_image_takes_the_image_branch(runs: Runs) -> None:
    run = runs["conditional_processing", "an image"]
    assert states(run) == {
        "classify": "succeeded", "process_text": "skipped", "process_image": "succeeded", "merge": "succeeded"
    }  # fmt: skip
    merged = run["output"]["merge"]
    assert (merged["format"], merged["width"], merged["height"]) == ("PNG", 96, 64)


def test_what_a_user_wrote_is_judged_and_the_verdict_is_stored(runs: Runs) -> None:
    run = runs["content_moderation", "user-upload-123"]
    assert in_order(run, "ingest", "classify", "moderate", "store")
    said = outputs(run)
    assert said["classify"] == {"type": "comment"}
    assert said["moderate"]["verdict"] == "review"
    assert said["moderate"]["quote"] in " ".join(said["ingest"].split())
    assert run["by_id"]["moderate"]["model"] == "local-gold"
    stored = run["output"]["store"]
    assert (stored["bucket"], stored["key"]) == ("moderation-results", "user-upload-123/result.json")
    assert stored["size"] > len(said["moderate"]["quote"])


def test_what_is_english_is_not_translated_into_english(runs: Runs) -> None:
    run = runs["multi_lang_translation", "English"]
    assert states(run)["translate_en"] == "skipped"
    combined = run["output"]["combine"]
    assert list(combined) == ["original", "english", "spanish", "french"]
    assert combined["english"] is None
    assert "lighthouse keeper" in combined["original"]
    assert combined["spanish"] == outputs(run)["translate_es"]
    other = runs["multi_lang_translation", "German"]
    assert set(states(other).values()) == {"succeeded"}
    assert other["output"]["combine"]["english"] == outputs(other)["translate_en"]


@pytest.mark.parametrize(
    ("document", "analysis", "skipped", "model", "hard"),
    [
        ("simple", "simple_analyze", "complex_analyze", "local-bronze", lambda c: c < 0.8),
        ("complex", "complex_analyze", "simple_analyze", "local-gold", lambda c: c >= 0.8),
    ],
)
def test_only_what_is_complex_is_paid_for_as_such(
    runs: Runs, document: str, analysis: str, skipped: str, model: str, hard: Callable[[float], bool]
) -> None:
    run = runs["cost_optimized_processing", document]
    assert states(run)[skipped] == "skipped"
    assert run["by_id"][analysis]["model"] == model
    assert run["by_id"]["preprocess"]["model"] == "local-bronze"
    assert hard(outputs(run)["route"]["complexity"])
    assert run["output"] == {"merge": outputs(run)[analysis]}
    assert in_order(run, "preprocess", "route", analysis, "merge")


def test_a_list_of_texts_is_read_in_runs_that_map(runs: Runs) -> None:
    run = runs["reading_list", "two texts"]
    assert {step: run["by_id"][step]["type"] for step in ("read[0]", "read[1]")} == dict.fromkeys(
        ("read[0]", "read[1]"), "workflow"
    )
    summaries = run["output"]["shelf"]["summaries"]
    assert [summary.split(" part")[0] for summary in summaries] == ["Summary of 2", "Summary of 9"]
    assert run["cost_usd"] == "0"
    assert float(run["children_cost_usd"]) > 0


def test_a_text_is_shortened_until_it_fits(runs: Runs) -> None:
    run = runs["refine_until_good", "a speech"]
    inside = [f"refine~{number}/{node}" for number in (1, 2) for node in ("source", "draft", "judge", "result")]
    assert states(run) == dict.fromkeys(["refine", *inside, "report"], "succeeded")
    assert run["by_id"]["refine~2/draft"]["node_id"] == "draft"
    assert in_order(run, *inside, "report")
    first, second = run["output"]["report"]["drafts"]
    assert len(first["text"]) > 300 >= len(second["text"])
    assert run["output"]["report"]["text"] == second["text"]
    assert (first["iteration"], second["iteration"]) == (1, 2)
    costs = [float(run["by_id"][f"refine~{number}/draft"]["cost_usd"]) for number in (1, 2)]
    assert float(run["cost_usd"]) == pytest.approx(sum(costs))
    assert [row.name for row in rows(run) if "draft" in row.name] == ["refine~1/draft", "refine~2/draft"]


def test_the_other_two(runs: Runs) -> None:
    whole = runs["document_analysis", "gettysburg"]
    assert in_order(whole, "ingest", "analyze")
    assert "Key sentences:" in whole["output"]["analyze"]
    parts = runs["map_reduce_analysis", "opticks"]
    children = [step for step in parts["steps"] if step["id"].startswith("map_analyze[")]
    assert len(children) > 50
    assert parts["output"]["reduce_summarize"].startswith("Summary of ")
