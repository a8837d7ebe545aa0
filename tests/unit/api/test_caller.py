"""What a caller may see and do: scopes, projects, archived projects."""

import pytest

from api.caller import Caller
from api.dependencies import May
from schemas.errors import Forbidden
from schemas.scopes import Scopes

ALL = frozenset({"read", "write", "admin"})


def caller(*scopes: str, project: str | None = None, archived: bool = False) -> Caller:
    return Caller("k", "acme", ALL, project=project, scopes=Scopes.of(scopes), archived=archived)


@pytest.mark.parametrize(
    ("who", "rule", "admitted"),
    [
        (caller(), May("read"), True),
        (caller("workflow:a"), May("read"), False),
        (caller("workflow:a"), May("read", ("workflow",)), True),
        (caller("prompt:a"), May("read", ("workflow",)), False),
        (caller("prompt:a"), May("read", ("any",)), True),
        (caller("gateway"), May("write", ("gateway",)), True),
        (caller(project="p"), May("read"), False),
        (caller(project="p"), May("read", project=True), True),
        (caller("workflow:a", project="p"), May("read", project=True), False),
        (caller("workflow:a", project="p"), May("read", ("workflow",)), False),
        (caller("workflow:a", project="p"), May("read", ("workflow",), project=True), True),
        (caller(project="p", archived=True), May("read", project=True), True),
        (caller(project="p", archived=True), May("write", project=True), False),
        (caller(project="p", archived=True), May("admin", project=True), False),
        (caller(), May("admin", platform=True), False),
        (Caller("k", "acme", ALL, bootstrap=True), May("admin", platform=True), True),
        (Caller("k", "acme", frozenset()), May(None, ("any",), project=True), True),
        (Caller("k", "acme", frozenset({"read"})), May("write"), False),
    ],
)
def test_rule_admits_by_permission_scope_and_project(who: Caller, rule: May, admitted: bool) -> None:
    if admitted:
        rule.check(who)
        return
    with pytest.raises(Forbidden):
        rule.check(who)


@pytest.mark.parametrize(
    ("who", "tags", "owns"),
    [
        (caller(), {}, True),
        (caller("workflow:bill*"), {}, True),
        (caller("workflow:other"), {}, False),
        (caller(project="p"), {"agentflow.project": "p"}, True),
        (caller(project="p"), {"agentflow.project": "q"}, False),
        (caller(project="p"), {}, False),
        (caller("workflow:other", project="p"), {"agentflow.project": "p"}, False),
    ],
)
def test_run_is_owned_by_workflow_and_project(who: Caller, tags: dict[str, str], owns: bool) -> None:
    assert who.owns("billing", tags) is owns


def test_key_of_a_project_names_its_own_project_only() -> None:
    assert caller(project="p").in_project(None) == "p"
    assert caller(project="p").in_project("p") == "p"
    assert caller().in_project("q") == "q"
    assert caller().in_project(None) is None
    with pytest.raises(Forbidden, match="of project p"):
        caller(project="p").in_project("q")
