"""Which answers are compared with those of a reference, and when two of them differ."""

from pathlib import Path

import pytest

from services.observability.replay.divergence import ShadowShare, Watches, differ


def test_without_a_file_nothing_is_watched() -> None:
    assert Watches.load("").watches == ()


def test_a_file_names_models_of_organisations_and_their_references(tmp_path: Path) -> None:
    file = tmp_path / "references.yaml"
    file.write_text(
        "watches:\n"
        "  - {organisation: acme, prompt: summary, model: openai/gpt-4o, reference: openai/gpt-4o-2024-08-06}\n"
        "  - {organisation: acme, model: openai/gpt-4o, reference: azure/gpt-4o, share: 0.1, budget_usd_per_day: 2.5}\n"
    )
    of_summary, of_others = Watches.load(str(file)).watches
    assert of_summary.covers("acme", "summary", "openai/gpt-4o")
    assert not of_summary.covers("acme", "greeter", "openai/gpt-4o")
    assert not of_others.covers("other", "greeter", "openai/gpt-4o")
    assert of_others.covers("acme", "greeter", "openai/gpt-4o")
    assert not of_others.covers("acme", "greeter", "openai/gpt-4o-mini")
    assert (of_summary.share, of_summary.budget_nano, of_others.budget_nano) == (0.01, 10**9, 2_500_000_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("watches: [{", "is not YAML"),
        ("watches: [{organisation: acme, model: gpt-4o, reference: a/b}]", "model"),
        ("watches: [{organisation: acme, model: a/b, reference: a/c, share: 0}]", "share"),
        ("watches: [{organisation: acme, model: a/b, reference: a/c, differs_most: 0.5}]", "differs_most"),
        ("watches: [{organisation: acme, model: a/b, reference: a/c, often: 1}]", "often"),
        (
            (
                "watches: [{organisation: acme, model: a/b, reference: a/c},"
                " {organisation: acme, model: a/b, reference: a/d}]"
            ),
            "watched twice",
        ),
    ],
)
def test_a_mistake_names_its_place_and_the_setting(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "references.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said) as raised:
        Watches.load(str(file))
    assert "REFERENCES_FILE" in str(raised.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"cannot be read.*REFERENCES_FILE"):
        Watches.load("not/there.yaml")


def test_equal_answers_do_not_differ_whatever_their_ends_and_the_order_of_their_keys() -> None:
    assert not differ("A fine day.\n", "A fine day.", 1.0)
    assert not differ({"a": 1, "b": 2}, {"b": 2, "a": 1}, 1.0)
    assert differ({"a": 1}, {"a": 2}, 1.0)
    assert differ("1", 1, 1.0)


def test_answers_that_are_alike_enough_do_not_differ() -> None:
    assert differ("It is a fine day.", "It was a fine day.", 1.0)
    assert not differ("It is a fine day.", "It was a fine day.", 0.8)
    assert differ("It is a fine day.", "Rain, and more rain.", 0.8)
    assert not differ({"answer": "It is a fine day."}, {"answer": "It was a fine day."}, 0.8)


def test_a_share_is_one_of_each_block() -> None:
    share = ShadowShare(0.01, seed=5)
    taken = [share.takes() for _ in range(1_000)]
    assert [sum(taken[at : at + 100]) for at in range(0, 1_000, 100)] == [1] * 10
    assert len({taken[at : at + 100].index(True) for at in range(0, 1_000, 100)}) > 3
    assert all(ShadowShare(1.0).takes() for _ in range(3))
    with pytest.raises(ValueError, match="a share is"):
        ShadowShare(0)
