"""Reads a policy document strictly: every problem is named with its path and how to fix it."""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.compliance.section import is_demand
from schemas.errors import AgentFlowError, InvalidInput, InvalidSpec, Problem
from schemas.labels.declarations import declaration_problems
from schemas.labels.label import label_of
from schemas.labels.paths import parse_path
from schemas.policies.cases import facts_of
from schemas.policies.compliance import rules_of
from schemas.policies.document import Endorsement, Policy, PolicyTest, Rule
from schemas.policies.expressions import compile_expression
from schemas.policies.extending import extended, extension_problems
from schemas.policies.packs import PACKS
from schemas.policies.rulings import DEFAULT, ERROR
from schemas.policies.variables import is_readable
from schemas.privacy.cases import PrivacyCase
from schemas.privacy.problems import privacy_problems
from schemas.records.base import Json
from schemas.spec.check.shape import path_of
from schemas.spec.text.read import read_document

_FIELDS = "name and rules"
_MAX_PROBLEMS = 100
_SEE = "see docs/reference/policies.md"
_LABEL_FIX = "write trusted, user, third_party or web, class:<name>, reader:<id>"
_FIXES = {
    "extra_forbidden": "remove it, or fix its name",
    "missing": "add it",
    "literal_error": "write one of these",
    "string_pattern_mismatch": "use letters, digits and _ . / -",
    "bool_type": "write true or false",
}


def read_policy(source: str | Mapping[str, Json]) -> Policy:
    """Return the policy of a document in YAML or JSON, with the packs that it extends.

    Raises ``InvalidInput`` with every problem.
    """
    policy = _shaped(source)
    if problems := list(_problems(policy)):
        raise InvalidInput.of(*problems[:_MAX_PROBLEMS])
    return extended(policy, _shaped)


def _shaped(source: str | Mapping[str, Json]) -> Policy:
    try:
        return Policy.model_validate(read_document(source, fields=_FIELDS))
    except InvalidSpec as exc:
        raise InvalidInput.of(*exc.problems) from exc
    except ValidationError as exc:
        raise InvalidInput.of(*map(_problem, exc.errors(include_url=False)[:_MAX_PROBLEMS])) from exc


def _problem(error: ErrorDetails) -> Problem:
    kind, said = error["type"], error["msg"].replace("valid tuple", "list")
    message = "is no field of a policy" if kind == "extra_forbidden" else said[:1].lower() + said[1:]
    return Problem(path_of(error["loc"]), message, _FIXES.get(kind, _SEE))


def _problems(policy: Policy) -> Iterator[Problem]:
    yield from _labels(policy)
    seen: set[str] = set()
    for index, rule in enumerate(policy.rules):
        path = f"rules[{index}]"
        if rule.id in seen:
            yield Problem(f"{path}.id", f"the id '{rule.id}' occurs twice", "give each rule an id of its own")
        seen.add(rule.id)
        if is_demand(rule.id):
            yield Problem(f"{path}.id", f"'{rule.id}' is an id of the section compliance", "choose another id")
        if isinstance(found := compile_expression(rule.when, rule.at), Problem):
            yield Problem(f"{path}.when", found.message, found.fix)
        yield from (Problem(f"{path}.{one.path}", one.message, one.fix) for one in _rule(rule))
    yield from _guards(policy)
    yield from privacy_problems(policy.privacy, lambda when: compile_expression(when, "read"))
    for index, one in enumerate(policy.endorse):
        yield from (Problem(f"endorse[{index}]{f.path}", f.message, f.fix) for f in _endorsement(one))
    yield from extension_problems(policy)
    seen |= {one.id for one in rules_of(policy)}
    seen |= set() if policy.privacy is None else set(policy.privacy.ids)
    for index, test in enumerate(policy.tests):
        for unknown in sorted({*(test.rules or ())} - seen - {DEFAULT, ERROR}):
            if unknown.partition("/")[0] not in PACKS and not (policy.extends and is_demand(unknown)):
                yield Problem(f"tests[{index}].rules", f"there is no rule '{unknown}'", "name rules by their ids")
        yield from (Problem(f"tests[{index}].facts{one.path}", one.message, one.fix) for one in _facts(test, policy))
    if not is_readable(dict(policy.values)):
        yield Problem("values", "they are too large, or no JSON that conditions can read", "keep lists below 256 items")


def _guards(policy: Policy) -> Iterator[Problem]:
    ids = [one.id for one in policy.guards]
    for name in sorted({one for one in ids if ids.count(one) > 1}):
        yield Problem("guards", f"there are two guards '{name}'", "give one of them another id")


def _facts(test: PolicyTest, policy: Policy) -> Iterator[Problem]:
    try:
        if test.at == "privacy":
            PrivacyCase.model_validate(test.facts)
        else:
            facts_of(test.at, test.facts, policy.declarations)
    except ValidationError as exc:
        for error in exc.errors(include_url=False):
            problem = _problem(error)
            message = f"is no fact of {test.at}" if error["type"] == "extra_forbidden" else problem.message
            yield Problem(f".{problem.path}" if problem.path else "", message, problem.fix)
    except InvalidInput as exc:
        yield Problem(".labels", exc.problems[0].message, _SEE)
    except AgentFlowError as exc:
        yield Problem("", str(exc), _LABEL_FIX)


def _rule(rule: Rule) -> Iterator[Problem]:
    if rule.id in (DEFAULT, ERROR):
        yield Problem("id", f"'{rule.id}' is what decisions without a rule are called", "choose another id")
    if rule.verdict == "ask" and rule.at != "tool_call":
        yield Problem("verdict", "a person can be asked before a tool's call alone", "use deny, or at: tool_call")
    if (rule.verdict == "route") != bool(rule.route):
        yield Problem("route", "a rule has `route` if its verdict is route, and no other", "name the allowed providers")
    if rule.verdict == "route" and rule.at != "model_call":
        yield Problem("verdict", "only a model's call can be routed", "use at: model_call")
    if (rule.verdict == "redact") != bool(rule.redact or rule.redact_classes):
        fix = "name paths or data classes in redact or redact_classes"
        yield Problem("redact", "a rule says what to redact if its verdict is redact, and no other", fix)
    yield from _allows(rule)
    if rule.at == "admin" and rule.verdict == "redact":
        yield Problem("verdict", "an act is done or not, and nothing of it can be hidden", "use deny or record")
    if rule.at == "admin" and (rule.workflows or rule.nodes):
        yield Problem("workflows", "an act is of no workflow and of no node", "remove workflows and nodes")
    if rule.tools and rule.at not in ("tool_call", "output"):
        yield Problem("tools", "only rules at tool_call and output have tools", "remove them")
    for path in rule.redact:
        yield from _path("redact", path)


def _allows(rule: Rule) -> Iterator[Problem]:
    if rule.verdict == "allow" and rule.at != "tool_call":
        fix = "remove the rule, or write record to have it in the audit log"
        yield Problem("verdict", "an allow means something for tools with effects alone", fix)
    if rule.verdict == "record" and rule.mode == "shadow":
        yield Problem("mode", "a rule that only records changes nothing in any mode", "remove the mode")
    if rule.verdict == "allow" and rule.mode == "shadow":
        yield Problem("mode", "a call that is allowed in shadow mode alone would be denied", "remove the mode")


def _endorsement(one: Endorsement) -> Iterator[Problem]:
    if one.by == "verbatim":
        if not one.arguments and not one.sinks:
            yield Problem("", "it names no arguments", "add `arguments`, or `sinks` such as [recipient]")
        if one.functions:
            yield Problem(".functions", "arguments of tools stand verbatim, functions do not", "write `tools`")
        if one.quarantined:
            yield Problem(".quarantined", "arguments of tools are no nodes", "remove it, or use by: schema")
        return
    if one.arguments or one.sinks or one.tools or one.after:
        yield Problem("", f"`{one.by}` has no tools, arguments, sinks or words", "remove them, or use by: verbatim")
    if one.by == "schema" and not one.nodes and not one.quarantined:
        fix = "add `nodes`, whose answers have a closed schema, or `quarantined: true` for all that are"
        yield Problem("", "it names no nodes", fix)
    if one.by == "list" and not one.functions:
        yield Problem("", "it names no functions", "add `functions`, whose results are trusted")
    if one.by == "list" and one.quarantined:
        yield Problem(".quarantined", "functions are never quarantined", "remove it, or use by: schema")


def _labels(policy: Policy) -> Iterator[Problem]:
    for name, tool in policy.tools.items():
        yield from declaration_problems(tool.security, at=f"tools.{name}")
    for workflow, places in policy.inputs.items():
        for path, words in places.items():
            yield from _path(f"inputs.{workflow}", path)
            yield from _words(f"inputs.{workflow}[{path}]", words)


def _words(at: str, words: list[str]) -> Iterator[Problem]:
    try:
        label_of(words)
    except AgentFlowError as exc:
        yield Problem(at, str(exc), _LABEL_FIX)


def _path(at: str, path: str) -> Iterator[Problem]:
    try:
        parse_path(path)
    except InvalidInput as exc:
        yield Problem(at, exc.problems[0].message, _SEE)
