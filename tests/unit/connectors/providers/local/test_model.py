"""The extractive models: deterministic, honest about tokens, obedient to max_tokens, and different by tier."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.providers.local import extract
from connectors.providers.local import model as local_model
from connectors.providers.local import tokens as local_tokens
from connectors.providers.local.prompt import read
from schemas.errors import StepError

ROOT = Path(__file__).parents[5]
DOCUMENTS = ROOT / "examples" / "documents"
TIERS = ("local-gold", "local-silver", "local-bronze")


def document(name: str) -> str:
    return (DOCUMENTS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("model", TIERS)
def test_an_analysis_quotes_the_document_and_counts_it(model: str) -> None:
    text = document("gettysburg.txt")
    answer = local_model.answer(model, f"Analyze this document: {text}", 1024)
    lines = answer.text.splitlines()
    quotes = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    unwrapped = " ".join(text.split())
    assert lines[0] == "Key sentences:"
    assert len(quotes) >= 2
    assert all(quote in unwrapped for quote in quotes)
    assert lines[-1].startswith("Counts: ")
    assert "words" in lines[-1]
    assert answer.finish_reason == "stop"


def test_tiers_differ_for_real() -> None:
    prompt = f"Analyze this document: {document('declaration-of-independence.txt')}"
    answers = {model: local_model.answer(model, prompt, 1024) for model in TIERS}
    assert len({answer.text for answer in answers.values()}) == 3
    gold, silver, bronze = (answers[model] for model in TIERS)
    assert "Key terms:" in gold.text
    assert "Key terms:" in silver.text
    assert "Key terms:" not in bronze.text
    assert gold.output_tokens > silver.output_tokens > bronze.output_tokens


def test_key_terms_name_what_the_text_is_about() -> None:
    answer = local_model.answer("local-gold", f"Analyze this document: {document('opticks.txt')}", 1024)
    terms = next(line for line in answer.text.splitlines() if line.startswith("Key terms:"))
    assert {"prism", "light"} <= set(terms.removeprefix("Key terms: ").split(", "))


@pytest.mark.parametrize("model", TIERS)
def test_a_summary_reads_the_analyses_of_the_parts(model: str) -> None:
    text = document("opticks.txt")
    chunks = [text[start : start + 2000] for start in range(0, 20_000, 2000)]
    analyses = [local_model.answer(model, f"Analyze this part: {chunk}", 512).text for chunk in chunks]
    listed = json.dumps(analyses, ensure_ascii=False)
    summary = local_model.answer(model, f"Summarize these analyses:\n\n{listed}", 1024)
    quotes = [line for line in summary.text.splitlines() if line.startswith("- ")]
    words = sum(part.words or 0 for part in read(f"Summarize these analyses:\n\n{listed}").parts)
    assert summary.text.startswith("Summary of 10 parts:")
    assert all(any(quote in analysis for analysis in analyses) for quote in quotes)
    assert f"made from {words:,} words" in summary.text
    assert words > 3000
    assert "Counts:" not in "".join(quotes)


@pytest.mark.parametrize("model", local_model.MODELS)
@pytest.mark.parametrize("max_tokens", [1, 7, 40, 90, 200])
def test_max_tokens_is_obeyed(model: str, max_tokens: int) -> None:
    prompt = f"Analyze this document: {document('declaration-of-independence.txt')}"
    answer = local_model.answer(model, prompt, max_tokens)
    assert 1 <= answer.output_tokens <= max_tokens
    assert answer.output_tokens == local_tokens.count(answer.text)
    assert answer.input_tokens == local_tokens.count(prompt)
    assert max_tokens == 40 or answer.finish_reason == ("length" if max_tokens <= 7 else "stop")


def test_tokens_are_counted_by_one_rule() -> None:
    assert local_tokens.count("Don't stop.") == 5
    assert local_tokens.count("a" * 40) == 3
    assert local_tokens.count(" \n\t") == 0
    assert local_tokens.cut("one two three", 2) == ("one two", True)
    assert local_tokens.cut("one two", 2) == ("one two", False)


@given(st.text(max_size=300), st.integers(min_value=1, max_value=50))
def test_a_cut_text_is_a_prefix_of_at_most_so_many_tokens(text: str, most: int) -> None:
    part, was_cut = local_tokens.cut(text, most)
    assert text.startswith(part)
    assert local_tokens.count(part) == min(most, local_tokens.count(text))
    assert was_cut == (local_tokens.count(text) > most)


ODD = st.text(alphabet=st.sampled_from("ab \n.!?:-[]{}\"'0é中\u200b"), max_size=200)


@settings(max_examples=60)
@given(ODD | st.lists(ODD, max_size=4).map(json.dumps), st.sampled_from(local_model.MODELS))
def test_any_text_gets_an_answer(text: str, model: str) -> None:
    prompt = f"Analyze this document: {text}"
    answer = local_model.answer(model, prompt, 50)
    assert answer == local_model.answer(model, prompt, 50)
    assert answer.output_tokens <= 50


@pytest.mark.parametrize("prompt", ["", "Analyze this document: ", "Summarize: []", "Analyze: [[[[[[1, null]]]]]]"])
def test_nothing_to_read_is_said(prompt: str) -> None:
    assert local_model.answer("local-gold", prompt, 50).text == "There is no text here to work on."


def test_deep_nesting_is_only_text() -> None:
    prompt = "Analyze this document: " + "[" * 100_000
    assert local_model.answer("local-bronze", prompt, 50).finish_reason in ("stop", "length")


def test_a_text_without_an_instruction_is_read_whole() -> None:
    text = "Colours: a note on prisms. White light is a mixture of all the colours that a prism shows."
    assert read(text).parts[0].paragraphs == (text,)


@pytest.mark.parametrize("model", TIERS)
def test_a_long_text_without_any_sentence_end_is_quick(model: str) -> None:
    started = time.perf_counter()
    answer = local_model.answer(model, "Analyze this document: " + "word " * 40_000, 100)
    assert answer.output_tokens <= 100
    assert time.perf_counter() - started < 20


def test_an_unknown_model_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(StepError, match=r"no model 'gpt-9'.*local-gold") as caught:
        local_model.answer("gpt-9", "hello", 10)
    assert (caught.value.code, caught.value.retryable) == ("provider_rejected", False)


ANSWER_IN_PROCESS = """
import hashlib, sys
from connectors.providers.local import model as local_model
text = open(sys.argv[1], encoding="utf-8").read()[:30_000]
for model in local_model.MODELS:
    answer = local_model.answer(model, "Analyze this document: " + text, 1024)
    print(model, hashlib.sha256(answer.text.encode()).hexdigest(), answer.output_tokens)
"""


def run_python(code: str, *args: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_process_gives_the_same_answer() -> None:
    path = str(DOCUMENTS / "opticks.txt")
    answers = {run_python(ANSWER_IN_PROCESS, path, PYTHONHASHSEED=seed) for seed in ("0", "4242")}
    assert len(answers) == 1


def test_importing_the_provider_and_the_test_model_load_no_language_library() -> None:
    loaded = run_python(
        "import sys\n"
        "from connectors.providers.local import model as local_model, provider\n"
        "assert local_model.answer('local-echo', 'a b c', 10).text == 'a b c'\n"
        "print(sorted({'sumy', 'segtok', 'numpy', 'nltk'} & set(sys.modules)))"
    )
    assert loaded.strip() == "[]"


@pytest.mark.parametrize("package", ["sumy", "segtok"])
def test_a_missing_package_says_what_to_install(package: str) -> None:
    said = run_python(
        f"import sys; sys.modules[{package!r}] = None\n"
        "from connectors.providers.local import model as local_model\n"
        "from schemas.errors import StepError\n"
        "try:\n"
        "    local_model.answer('local-gold', 'Analyze: One sentence is here. Another one is there.', 99)\n"
        "except StepError as exc:\n"
        "    print(exc.code, exc)\n"
    )
    assert said.startswith("provider_rejected ")
    assert f"'{package}" in said
    assert "pip install -r requirements-local.lock" in said


def test_key_phrases_are_repeated_ones_without_stop_words() -> None:
    text = "Blue light bends. The blue light is the light of the sky. A prism, in the dark, bends blue light 3 times."
    assert extract.key_phrases(text, 2) == ["blue light", "bends"]
    assert extract.key_phrases(text, 0) == []
    assert extract.key_phrases("of the and", 5) == []
