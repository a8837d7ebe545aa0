"""Two declarations of one tool: nothing of either is loosened."""

import itertools

import pytest

from schemas.labels.label import TRUSTED, UNLABELLED, Label, label_of
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, parse_path
from schemas.labels.stricter import strictest
from schemas.records.security.pinned import UNDECLARED, ToolSecurity

MAIL = ToolSecurity(source=["trusted"], effects=True, sinks={"to": "recipient", "body": "content"})
READ = ToolSecurity(source=["third_party"], fields={"$.who": ["user", "class:pii"]})
PURE = ToolSecurity(pure=True)
ALL = (
    *(MAIL, READ, PURE, UNDECLARED, ToolSecurity(source=["web"], effects=True)),
    ToolSecurity(source=["user", "class:hr"], fields={"$.list[*]": ["third_party"]}, readers={"$": "$.who"}),
    ToolSecurity(source=["user"], effects=True, sinks={"to": "url"}, reads_when={"method": ["GET"]}),
)


def places(declared: ToolSecurity) -> Labels:
    if not declared.declared:
        return Labels.of_whole(UNLABELLED.join(label_of(declared.source)) if declared.source else UNLABELLED)
    own = TRUSTED if declared.pure else UNLABELLED
    root: Label = label_of(declared.source) if declared.source else own
    return Labels({ROOT: root} | {parse_path(path): label_of(words) for path, words in declared.fields.items()})


@pytest.mark.parametrize(("first", "second"), list(itertools.product(ALL, ALL)))
def test_what_both_say_is_as_strict_as_each(first: ToolSecurity, second: ToolSecurity) -> None:
    found = strictest(first, second)
    for one in (first, second):
        for path in ("$", "$.who", "$.list[3]", "$.other"):
            label, own = places(found).nearest(parse_path(path)), places(one).nearest(parse_path(path))
            assert label.covers(own)
        assert found.effects or not one.effects
        assert one.pure or not found.pure
        # A sink is what the declaration says, or is unknown; content only where both say it.
        for argument, sink in found.sinks.items():
            assert not one.effects or one.sinks.get(argument) in (sink, "content")
    assert found.declared == (first.declared and second.declared)


def test_nothing_changes_where_both_say_the_same() -> None:
    for one in ALL:
        assert strictest(one) is one
        assert strictest(one, one) is one


def test_what_is_undeclared_keeps_the_classes_of_what_others_give() -> None:
    found = strictest(READ, UNDECLARED, MAIL)
    assert (found.declared, found.source) == (False, ["web", "class:pii", "from:unlabelled"])
    assert strictest(UNDECLARED, MAIL) is UNDECLARED
    assert strictest(UNDECLARED, ToolSecurity(readers={"$": "$.to"})).source == ["web", "readers", "from:unlabelled"]


def test_sinks_that_differ_are_unknown_unless_one_is_content() -> None:
    other = ToolSecurity(source=["trusted"], effects=True, sinks={"to": "url", "body": "command"})
    assert strictest(MAIL, other).sinks == {"body": "command"}
    assert strictest(MAIL, ToolSecurity(effects=True)).sinks == {}
    # A declaration without effects has no sinks, and takes none away.
    assert strictest(READ, MAIL).sinks == MAIL.sinks


def test_a_call_only_reads_where_both_say_so() -> None:
    some = ToolSecurity(effects=True, reads_when={"method": ["GET"]})
    assert strictest(some, ToolSecurity()).reads_when == {"method": ["GET"]}
    assert strictest(some, ToolSecurity(effects=True)).reads_when == {}


def test_nobody_reads_where_two_fields_name_the_readers() -> None:
    first, second = ToolSecurity(readers={"$": "$.to"}), ToolSecurity(readers={"$": "$.cc", "$.a": "$.b"})
    found = strictest(first, second)
    assert found.readers == {"$.a": "$.b"}
    assert places(found).root.readers == frozenset()


def test_what_endorses_is_the_policys() -> None:
    policy = ToolSecurity(endorses=True)
    assert strictest(policy, ToolSecurity(source=["user"])) == ToolSecurity(source=["user"], endorses=True)
    assert not strictest(READ, policy).endorses
