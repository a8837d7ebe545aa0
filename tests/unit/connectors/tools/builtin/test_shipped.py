"""The tools and functions that ship: documents, splitting, merging."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.objects.store import LocalObjects
from connectors.tools import REGISTRY, ToolContext
from connectors.tools.builtin.complexity import complexity
from connectors.tools.builtin.split import pieces
from schemas.errors import StepError


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    documents = tmp_path / "documents"
    (documents / "letters").mkdir(parents=True)
    (documents / "opticks.txt").write_text("Of light.", encoding="utf-8")
    (documents / "letters" / "one two.txt").write_text("Dear Sir", encoding="utf-8")
    (documents / "image.bin").write_bytes(b"\xff\xfe\x00\x80")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (documents / "link.txt").symlink_to(tmp_path / "secret.txt")
    return ToolContext("acme", "run", "ingest", "run:ingest:1", documents, LocalObjects(tmp_path / "objects"))


async def fetch(context: ToolContext, **args: str) -> Any:
    return await REGISTRY.call("tool", "s3.fetch", args, context)


async def test_a_document_is_found_in_its_bucket_or_beside(context: ToolContext) -> None:
    assert await fetch(context, bucket="documents", key="opticks.txt") == "Of light."
    assert await fetch(context, bucket="letters", key="one two.txt") == "Dear Sir"
    assert await fetch(context, key="letters/one two.txt") == "Dear Sir"


async def test_a_file_url_works_absolute_and_relative(context: ToolContext) -> None:
    url = (context.documents_dir / "letters" / "one two.txt").resolve().as_uri()
    assert await fetch(context, key=url) == "Dear Sir"
    assert await fetch(context, key="file://letters/one%20two.txt") == "Dear Sir"


@pytest.mark.parametrize(
    "key", ["../secret.txt", "letters/../../secret.txt", "/etc/hostname", "file:///etc/hostname", "link.txt", "a\0b"]
)
async def test_nothing_outside_of_the_documents_is_read(context: ToolContext, key: str) -> None:
    for bucket in ("", "letters", ".."):
        with pytest.raises(StepError) as caught:
            await fetch(context, bucket=bucket, key=key)
        assert caught.value.code in ("forbidden_path", "not_found")
        assert "secret.txt," not in str(caught.value)


async def test_a_missing_document_says_what_there_is(context: ToolContext) -> None:
    with pytest.raises(StepError, match=r"opticks\.txt") as caught:
        await fetch(context, bucket="documents", key="optics.txt")
    assert (caught.value.code, caught.value.retryable) == ("not_found", False)
    with pytest.raises(StepError, match=r"there are: one two\.txt"):
        await fetch(context, bucket="letters", key="three.txt")


async def test_a_bucket_that_does_not_exist_reads_no_other_one(context: ToolContext) -> None:
    with pytest.raises(StepError, match="there is no bucket 'lettres'; there are: documents, letters") as caught:
        await fetch(context, bucket="lettres", key="opticks.txt")
    assert (caught.value.code, caught.value.retryable) == ("unknown_bucket", False)
    with pytest.raises(StepError, match=r"there are: one two\.txt"):
        await fetch(context, bucket="letters", key="opticks.txt")


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "bad_key"),
        ("letters/../opticks.txt", "forbidden_path"),
        ("..", "forbidden_path"),
        ("file://letters/%2e%2e/opticks.txt", "forbidden_path"),
    ],
)
async def test_a_key_that_is_empty_or_leads_up_is_refused(context: ToolContext, key: str, code: str) -> None:
    for bucket in ("", "documents", "letters", "nowhere"):
        with pytest.raises(StepError) as caught:
            await fetch(context, bucket=bucket, key=key)
        assert caught.value.code == code


async def test_what_is_not_text_is_refused(context: ToolContext) -> None:
    with pytest.raises(StepError, match="UTF-8") as caught:
        await fetch(context, key="image.bin")
    assert caught.value.code == "not_text"


async def test_what_is_too_large_is_refused(context: ToolContext) -> None:
    with (context.documents_dir / "huge.txt").open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    with pytest.raises(StepError, match="over 16777216 bytes") as caught:
        await fetch(context, key="huge.txt")
    assert caught.value.code == "too_large"


words = st.lists(st.sampled_from(["light", "is\n\n", "a", "body.", "Rays!", "\n", "refrangibility", "?"]), max_size=200)


@given(words, st.integers(1, 60))
def test_pieces_hold_every_word_in_order(words: list[str], size: int) -> None:
    text = " ".join(words)
    found = pieces(text, size, 0)
    assert all(0 < len(piece) <= size for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@given(words, st.integers(2, 60), st.data())
def test_overlap_repeats_no_more_than_asked_and_ends(words: list[str], size: int, data: st.DataObject) -> None:
    text = " ".join(words)
    overlap = data.draw(st.integers(0, size - 1))
    found = pieces(text, size, overlap)
    assert all(piece and piece in text for piece in found)
    assert not text.strip() or text.rstrip().endswith(found[-1])


def test_cuts_are_where_a_reader_would_pause() -> None:
    assert pieces("One two three.\n\nFour five six. Seven eight.", 24, 0) == [
        "One two three.",
        "Four five six.",
        "Seven eight.",
    ]
    assert pieces("alpha beta gamma delta", 12, 0) == ["alpha beta", "gamma delta"]
    assert pieces("abcdefgh", 3, 0) == ["abc", "def", "gh"]


def test_overlap_starts_at_a_word() -> None:
    assert pieces("alpha beta gamma delta", 12, 6) == ["alpha beta", "beta gamma", "gamma delta"]


async def split(context: ToolContext, **args: Any) -> Any:
    return await REGISTRY.call("function", "text_splitter", args, context)


async def test_the_text_is_found_among_the_inputs(context: ToolContext) -> None:
    assert await split(context, chunk_size=5, text="aaaa bbbb") == ["aaaa", "bbbb"]
    assert await split(context, content="x", title="y") == ["x"]
    assert await split(context, ingest="only one", index=3) == ["only one"]


@pytest.mark.parametrize("args", [{}, {"a": "x", "b": "y"}, {"text": 5}, {"text": "x", "chunk_size": 0}])
async def test_a_splitter_without_a_text_says_so(context: ToolContext, args: dict[str, Any]) -> None:
    with pytest.raises(StepError) as caught:
        await split(context, **args)
    assert caught.value.code == "bad_arguments"


async def test_overlap_must_be_less_than_the_size(context: ToolContext) -> None:
    with pytest.raises(StepError, match="overlap 10 must be less than chunk_size 10"):
        await split(context, text="x", chunk_size=10, overlap=10)


@pytest.mark.parametrize(
    ("args", "merged"),
    [
        ({"a": None, "b": "", "c": {"x": 1}}, {"x": 1}),
        ({"strategy": "priority", "simple": "s", "complex": "c"}, "s"),
        ({"a": ""}, ""),
        ({"a": None}, None),
        ({"a": 0, "b": 1}, 0),
        ({"strategy": "concat", "a": "x", "b": "y"}, "x\n\ny"),
        ({"strategy": "concat", "a": [1], "b": [2, 3]}, [1, 2, 3]),
        ({"strategy": "concat", "a": [1], "b": "t", "c": None}, [1, "t"]),
        ({"strategy": "deep", "a": {"x": {"p": 1}, "l": [1]}, "b": {"x": {"q": 2}, "l": [2]}},
         {"x": {"p": 1, "q": 2}, "l": [1, 2]}),
        ({"strategy": "deep", "a": {"x": 1}, "b": {"x": 2, "y": None}}, {"x": 2, "y": None}),
        ({"strategy": "deep", "a": None, "b": "t"}, "t"),
    ],
)  # fmt: skip
async def test_merging(context: ToolContext, args: dict[str, Any], merged: Any) -> None:
    assert await REGISTRY.call("function", "result_merger", args, context) == merged


@pytest.mark.parametrize("args", [{}, {"strategy": "best", "a": 1}])
async def test_merging_nothing_or_in_an_unknown_way_is_refused(context: ToolContext, args: dict[str, Any]) -> None:
    with pytest.raises(StepError) as caught:
        await REGISTRY.call("function", "result_merger", args, context)
    assert caught.value.code == "bad_arguments"


async def combine(context: ToolContext, **args: Any) -> Any:
    return await REGISTRY.call("function", "result_combiner", args, context)


async def test_combining_keeps_every_name_and_null(context: ToolContext) -> None:
    given = {"original": "hi", "english": None, "parts": [1, {"a": 2}]}
    assert await combine(context, **given) == given
    assert await combine(context, format="json", **given) == given
    assert await combine(context, format="text", original="hi", english=None, n={"a": 1}) == (
        'original:\nhi\n\nn:\n{\n  "a": 1\n}'
    )
    for wrong in ({}, {"format": "xml", "a": 1}):
        with pytest.raises(StepError) as caught:
            await combine(context, **wrong)
        assert caught.value.code == "bad_arguments"


EASY = "The cat sat on the mat. It was a big cat. The dog ran to the cat. They are pals now."
HARD = (
    "Notwithstanding the foregoing provisions, the indemnifying party's aggregate liability arising from contractual "
    "misrepresentation shall, irrespective of jurisdictional considerations, remain proportionate to demonstrable "
    "pecuniary detriment suffered by beneficiaries whose entitlements were substantively compromised throughout the "
    "applicable contractual engagement. "
)


def test_complexity_orders_texts_as_a_reader_would() -> None:
    documents = Path("examples/documents")
    gettysburg, opticks, declaration = (
        complexity((documents / name).read_text(encoding="utf-8"))
        for name in ("gettysburg.txt", "opticks.txt", "declaration-of-independence.txt")
    )
    assert complexity(EASY) < 0.2 < gettysburg < opticks < declaration < complexity(HARD)
    assert complexity(HARD) > 0.8


@pytest.mark.parametrize("text", ["", " \n ", "... !!! ---", "_"])
def test_no_words_are_no_complexity(text: str) -> None:
    assert complexity(text) == 0.0


@given(st.text(max_size=2_000))
def test_complexity_is_between_0_and_1_and_says_the_same_again(text: str) -> None:
    found = complexity(text)
    assert 0.0 <= found <= 1.0
    assert complexity(text) == found


def test_complexity_of_a_huge_text_is_that_of_its_start() -> None:
    assert complexity(EASY * 5_000) == pytest.approx(complexity(EASY * 1_200), abs=0.001)


async def test_the_route_follows_the_threshold(context: ToolContext) -> None:
    async def route(**args: Any) -> Any:
        return await REGISTRY.call("function", "complexity_router", args, context)

    found = await route(text=EASY)
    assert found == {"complexity": complexity(EASY), "route": "simple"}
    assert (await route(content=EASY, threshold=found["complexity"]))["route"] == "complex"
    assert (await route(preprocess=HARD, threshold=0.8))["route"] == "complex"
    for wrong in ({}, {"text": EASY, "threshold": 1.5}, {"a": EASY, "b": HARD}):
        with pytest.raises(StepError) as caught:
            await route(**wrong)
        assert caught.value.code == "bad_arguments"
