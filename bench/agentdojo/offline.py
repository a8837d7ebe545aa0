"""A policy held against all cases without an engine: labels of an agent's calls are simulated, the worlds are real.

It takes seconds where runs take minutes, so it is how a policy is written. What decides is the same engine of policies.
"""

import http.client
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.agentdojo.runs import NODE, SEPARATOR, USER, Played, Step, workflow_name
from schemas.labels.label import TRUSTED, UNLABELLED, Integrity, Label, label_of
from schemas.labels.mapped import Labels
from schemas.policies.compiled import PolicySet
from schemas.policies.facts import ToolFacts, Where
from schemas.records.security.pinned import UNDECLARED, ToolSecurity

Json = dict[str, Any]
_USER = Label(Integrity.USER)
_MOST_CALLS = 60


@dataclass
class _Game:
    """A case that is played: the label of what the model has read, its calls, how often a person was asked."""

    suite: str
    run: str
    prompt: str
    policy: PolicySet
    approves: Callable[[Step], bool]
    context: Label = _USER
    steps: list[Step] = field(default_factory=list)
    approvals: int = 0


class Offline:
    """Plays cases against the worlds at ``address``. Not safe for threads."""

    def __init__(self, address: str) -> None:
        self._http = http.client.HTTPConnection(address, timeout=60)
        self.catalogue: Json = self._ask("/catalogue", {})

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def cases(self, suite: str, *, attacked: bool) -> list[str]:
        """Return the ids of a suite's cases: those with an attacker, or those without."""
        return [f"{suite}/{one}" for one in self.catalogue[suite]["cases"] if ("/" in one) == attacked]

    def play(
        self,
        case_id: str,
        behaviour: str,
        policy: PolicySet,
        approves: Callable[[Step], bool] = lambda _: False,
    ) -> Played:
        """Play a case under a policy. ``approves`` is the person who is asked."""
        suite, run = case_id.partition("/")[0], f"{case_id} {behaviour} {id(policy)} {approves}"
        case = self._ask("/case", {"case": case_id})
        self._ask("/begin", {"run": run, "case": case_id})
        names = [f"{suite}_{one['name']}" for one in self.catalogue[suite]["tools"]]
        game = _Game(suite, run, case["prompt"], policy, approves)
        messages: list[Json] = [
            {"role": "system", "content": f"[case {case_id} {behaviour}]"},
            {"role": "user", "content": case["prompt"]},
        ]
        while len(game.steps) < _MOST_CALLS:
            said = self._said(messages, names)
            messages.append(said)
            if not said.get("tool_calls"):
                break
            messages.append(self._called(game, said["tool_calls"][0]))
        answer = str(messages[-1].get("content") or "")
        made = [{"tool": one.tool, "args": one.args} for one in game.steps if one.was_made]
        found = self._ask("/judge", {"run": run, "answer": answer, "calls": made})
        utility, attack = found["utility"], found["attack"]
        return Played(case_id, run, "succeeded", utility, attack, answer, game.steps, {}, game.approvals)

    def _called(self, game: "_Game", call: Json) -> Json:
        """Make a call that the model asks for, if the policy or a person lets it; return the message that answers."""
        tool = call["function"]["name"].removeprefix(f"{game.suite}_")
        step = Step(
            f"{NODE}/{len(game.steps)}",
            call["id"].partition("-")[0],
            tool,
            json.loads(call["function"]["arguments"]),
            "succeeded",
        )
        security = game.policy.policy.declarations.get(f"{game.suite}{SEPARATOR}{tool}", UNDECLARED)
        ruling = game.policy.tool_call(_facts(game.suite, step, security, game.context, game.prompt))
        if ruling.verdict == "ask":
            game.approvals += step.whose == USER
        if ruling.verdict == "deny" or (ruling.verdict == "ask" and not game.approves(step)):
            step = replace(step, status="failed", error="policy_denied")
            result: Json = {"error": ruling.message}
        else:
            result = self._ask("/call", {"run": game.run, "key": step.id, "tool": tool, "args": step.args})
            game.context = game.context.join(_label_of(security))
        game.steps.append(step)
        return {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result)}

    def _said(self, messages: Sequence[Json], names: Sequence[str]) -> Json:
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        asked = {"model": "scripted", "messages": messages, "tools": tools}
        message: Json = self._ask("/v1/chat/completions", asked)["choices"][0]["message"]
        return message

    def _ask(self, path: str, body: Json) -> Any:
        self._http.request("POST", path, json.dumps(body))
        return json.loads(self._http.getresponse().read())


def _facts(suite: str, step: Step, security: ToolSecurity, context: Label, prompt: str) -> ToolFacts:
    """Return the facts of an agent's call: the model chose it and made its arguments, by all that it has read."""
    return ToolFacts(
        where=Where(org="default", workflow=workflow_name(suite), node=NODE, kind="agent"),
        tool=f"{suite}{SEPARATOR}{step.tool}",
        security=security,
        args=step.args,
        labels=Labels.of_whole(context),
        control=context,
        context=context,
        trusted=[prompt],
    )


def _label_of(security: ToolSecurity) -> Label:
    """Return what a tool's result adds to what the agent has read."""
    if not security.declared or not security.source:
        return TRUSTED if security.declared and security.pure else UNLABELLED
    label = label_of(security.source)
    for words in security.fields.values():
        label = label.join(label_of(words))
    return label
