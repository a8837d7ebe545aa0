"""The check of where data may go, as a registration asks for it: here, and in the process for large documents."""

import pytest

from schemas.errors import InvalidSpec, Unavailable
from schemas.policies.read import read_policy
from schemas.records.security.pinned import ToolSecurity
from schemas.spec.inputs.known_inputs import ArgumentNames
from schemas.spec.nested import Family
from services.security.flow.check import FlowCheck
from services.security.flow.ports import ActivePolicy
from services.workflows.check_requests import Check, Refusal, answer
from services.workflows.checks import DocumentChecks
from services.workflows.registration import RegistrationPorts, Registrations
from tests.support.families import flow as workflow

TOOLS = {
    "fetch": ToolSecurity(source=["web"]),
    "mail": ToolSecurity(source=["trusted"], effects=True, sinks={"to": "recipient"}),
}
NO_ARGUMENTS = ArgumentNames({})


def policy(static: str):
    rules = [
        {"id": "all", "at": "tool_call", "when": "true", "verdict": "allow"},
        {"id": "tainted", "at": "tool_call", "when": "sinks.exists(s, !s.trusted)", "verdict": "deny"},
    ]
    return read_policy({"name": "ours", "static": static, "rules": rules})


def request(static: str | None) -> Check:
    fetch = {"id": "fetch", "type": "tool", "config": {"tool_name": "fetch"}}
    config = {"tool_name": "mail", "tool_args": {"to": "fetch.output"}, "inputs": {}}
    spec = workflow("top", fetch, {"id": "send", "type": "tool", "config": config}, edges="fetch>send")
    flow = None if static is None else FlowCheck("acme", "ours@1", policy(static), TOOLS, NO_ARGUMENTS)
    names = {"prompts": {}, "tools": ["fetch", "mail"], "functions": [], "further": [], "family": Family()}
    return Check(spec=spec, **names, arguments=NO_ARGUMENTS, flow=flow)


def test_a_plan_has_what_the_policy_warns_of():
    assert request(None).answer().flow == ()
    (one,) = request("warn").answer().flow
    assert one.message.endswith("may hold web data (rule 'tainted' denies it): fetch -> send.to")


def test_a_policy_that_refuses_makes_the_document_invalid():
    refused = answer(request("refuse"))
    assert isinstance(refused, Refusal)
    assert [one.path for one in refused.problems] == ["dag.nodes[1].config.tool_args.to"]


async def test_large_documents_are_checked_in_the_process():
    checks = DocumentChecks()
    asked = request("refuse")
    try:
        with pytest.raises(InvalidSpec, match="rule 'tainted' denies it"):
            await checks.check(asked, small=False)
    finally:
        await checks.close()


class Tools:
    """A registry of one tool and one function."""

    def names(self, kind: str) -> frozenset[str]:
        return frozenset({"mail"} if kind == "tool" else {"classify"})

    def security(self, kind: str, _name: str) -> ToolSecurity:
        return TOOLS["mail"] if kind == "tool" else ToolSecurity(pure=True)

    def all_argument_names(self) -> ArgumentNames:
        return NO_ARGUMENTS


class Policies:
    """The active policy of ``acme``. ``down``: nobody answers."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down

    async def active(self, org_id: str) -> ActivePolicy | None:
        if self.down:
            raise Unavailable("postgres", "nobody answers")
        return ActivePolicy("ours@1", policy("warn")) if org_id == "acme" else None


def registrations(policies: Policies | None) -> Registrations:
    others = dict.fromkeys(("workflows", "prompts", "models", "prices", "workers", "checks"))
    return Registrations(RegistrationPorts(tools=Tools(), policies=policies, **others))


async def test_a_registration_asks_for_the_policy_of_its_organisation():
    found = await registrations(Policies()).flow_check("acme")
    assert found is not None
    assert (found.name, found.policy, sorted(found.tools)) == ("ours@1", policy("warn"), ["mail"])
    assert await registrations(Policies()).flow_check("other") is None
    assert await registrations(None).flow_check("acme") is None


async def test_a_policy_that_nobody_can_read_does_not_count_as_none():
    with pytest.raises(Unavailable):
        await registrations(Policies(down=True)).flow_check("acme")
