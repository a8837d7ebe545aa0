"""Labels: how they join, and which place of a value has which."""

from itertools import product

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRecord, InvalidInput
from schemas.labels import mapped
from schemas.labels.label import MAX_ORIGINS, TRUSTED, UNLABELLED, Integrity, Label, joined, label_of
from schemas.labels.mapped import MAX_PLACES, Labels
from schemas.labels.paths import ANY, ROOT, format_path, parse_path

WEB = Label(Integrity.WEB, origins=frozenset({"fetch"}))
USER = Label(Integrity.USER)
PII = Label(Integrity.USER, classes=frozenset({"pii"}), readers=frozenset({"ann", "bob"}))
SECRET = Label(classes=frozenset({"secret"}), readers=frozenset({"bob", "eve"}))
ALL = (TRUSTED, UNLABELLED, WEB, USER, PII, SECRET, Label(readers=frozenset()))


def test_a_join_is_as_untrusted_as_the_less_trusted_and_readable_by_whom_both_allow() -> None:
    both = PII.join(SECRET).join(WEB)
    assert both.integrity is Integrity.WEB
    assert both.classes == {"pii", "secret"}
    assert both.readers == {"bob"}
    assert both.origins == {"fetch"}


@pytest.mark.parametrize(("a", "b", "c"), list(product(ALL, repeat=3)))
def test_joining_is_a_lattice(a: Label, b: Label, c: Label) -> None:
    assert a.join(b) == b.join(a)
    assert a.join(a) == a
    assert a.join(b.join(c)) == a.join(b).join(c)
    assert a.join(b).covers(a)
    assert a.join(b).covers(b)


@pytest.mark.parametrize("label", ALL)
def test_words_say_all_of_a_label(label: Label) -> None:
    assert label_of(label.words) == label


@pytest.mark.parametrize("word", ["tusted", "class:", "class:a b", "reader:\n", "own:x", "", "from:"])
def test_an_unknown_word_is_refused(word: str) -> None:
    with pytest.raises(BadRecord, match="unknown"):
        label_of(["trusted", word])


def test_without_a_word_of_integrity_data_is_trusted_least() -> None:
    assert label_of(["class:pii"]).integrity is Integrity.WEB


def test_more_origins_than_are_named_are_many() -> None:
    label = joined(Label(origins=frozenset({f"o{i}"})) for i in range(MAX_ORIGINS + 1))
    assert label.origins == {"many"}
    assert label.join(WEB).origins == {"many"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("$", ()),
        ("$.a.b", ("a", "b")),
        ("$.a[0][*].b", ("a", 0, ANY, "b")),
        ("$.*", (ANY,)),
        ('$["a.b"]', ("a.b",)),
        ('$["*"]', ("*",)),
        ('$["\\""]', ('"',)),
    ],
)
def test_paths_are_read_and_written(text: str, parts: tuple[object, ...]) -> None:
    assert parse_path(text) == parts
    assert parse_path(format_path(parse_path(text))) == parts


@pytest.mark.parametrize("text", ["", "a", "$a", "$.", "$..a", "$[a]", "$[-1]", "$.a b", "$[0"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="write it like"):
        parse_path(text)


def test_a_place_has_the_label_of_the_longest_path_that_leads_to_it() -> None:
    labels = Labels.read({"$": ["web"], "$.contacts[*].email": ["user"], "$.contacts[1]": ["third_party"]})
    assert labels.at(("contacts", 0, "email")).root.integrity is Integrity.USER
    assert labels.at(("contacts", 0, "name")).root.integrity is Integrity.WEB
    assert labels.at(("contacts", 1, "name")).root.integrity is Integrity.THIRD_PARTY
    assert labels.at(("contacts", 1, "email")).whole.integrity is Integrity.USER
    assert labels.at(("contacts", 0)).whole.integrity is Integrity.WEB


def test_who_reads_a_value_reads_what_is_below() -> None:
    labels = Labels.read({"$": ["trusted"], "$.page": ["web", "from:fetch"]})
    assert labels.root == TRUSTED
    assert labels.whole == WEB


def test_a_wildcard_and_a_name_that_lead_to_one_place_count_both() -> None:
    labels = Labels.read({"$": ["trusted"], "$[0].x": ["user"], "$[*].x": ["web"]})
    assert labels.at((0,)).at(("x",)).root.integrity is Integrity.WEB


def test_data_without_a_label_is_trusted_least() -> None:
    assert Labels({}).whole == UNLABELLED
    assert Labels.read({"$.a": ["trusted"]}).at(("b",)).whole == UNLABELLED
    assert Labels({}).placed(("a",)) == {("a",): UNLABELLED}


def test_too_many_places_get_what_all_have_together() -> None:
    many = Labels({(i,): USER for i in range(MAX_PLACES + 1)})
    assert many.at((0,)).whole == UNLABELLED.join(USER)
    rooted = Labels({(): PII} | {(i,): SECRET for i in range(MAX_PLACES)})
    assert rooted.at((0,)).root == PII.join(SECRET)


def test_what_is_labelled_twice_is_as_strict_as_both_say() -> None:
    first = Labels.read({"$": ["trusted"], "$.a": ["web"]})
    second = Labels.read({"$": ["user"], "$.a.b": ["trusted"]})
    both = first.join(second)
    assert both.root == USER
    assert both.at(("a",)).root.integrity is Integrity.WEB
    assert both.at(("a", "b")).root.integrity is Integrity.WEB


def test_a_raised_label_counts_for_every_place() -> None:
    raised = Labels.read({"$": ["trusted"], "$.a": ["user"]}).raised(WEB)
    assert raised.root == WEB
    assert raised.at(("a",)).root == USER.join(WEB)


def test_recorded_labels_know_their_size() -> None:
    found = Labels({ROOT: Label(Integrity.USER), ("a", "é"): Label(Integrity.WEB)}).recorded
    assert found.size == len(orjson.dumps(dict(found)))


def test_labels_are_recorded_as_payloads_have_them() -> None:
    recorded = {"$": ["web", "class:pii", "readers", "reader:ann", "from:fetch"], "$.a[*]": ["user", "readers"]}
    assert Labels.read(recorded).recorded == recorded
    assert Labels.read(recorded).at(("a", 0)).root.readers == frozenset()


PARTS = st.sampled_from(["a", "b", 0, 1, ANY])
PATHS = st.lists(PARTS, max_size=3).map(tuple)
CONCRETE = st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=4).map(tuple)


@given(st.dictionaries(PATHS, st.sampled_from([TRUSTED, USER, PII, SECRET, UNLABELLED]), max_size=14), CONCRETE)
def test_fewer_places_are_never_milder(at, path):
    whole = Labels(at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped, "MAX_PLACES", 5)
        fewer = Labels(at)
    assert len(list(fewer)) <= 6
    assert fewer.nearest(path).covers(whole.nearest(path))
    assert fewer.whole.covers(whole.whole)


def test_a_long_list_in_one_argument_says_nothing_of_the_others():
    many = {("body", i): PII for i in range(MAX_PLACES)}
    labels = Labels({(): TRUSTED, ("to",): USER} | many)
    assert labels.at(("to",)).whole == USER
    assert labels.at(("cc",)).whole == TRUSTED
    assert labels.at(("body", 3)).whole == PII
