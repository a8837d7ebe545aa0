"""A suite of AgentDojo. An order stands wherever the package lets an attacker write and the task's plan reads."""

import copy
import json
import pickle
from collections.abc import Mapping, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any

import yaml
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.task_suite import read_suite_file
from agentdojo.types import text_content_block_from_string
from pydantic import TypeAdapter

from bench.agentdojo.world.dojo_import import load_suite
from bench.agentdojo.world.suite import Call, Case, Json, Judged, Tool, ToolFailed

_ANY: TypeAdapter[Any] = TypeAdapter(Any)


class DojoSuite:
    """One suite of the package, by name."""

    def __init__(self, name: str) -> None:
        self._suite = load_suite(name)
        self._runtime = FunctionsRuntime(self._suite.tools)

    @cached_property
    def tools(self) -> Sequence[Tool]:
        return [Tool(one.name, one.description, one.parameters.model_json_schema()) for one in self._suite.tools]

    @cached_property
    def cases(self) -> Sequence[str]:
        """All user tasks alone, and with each attacker's task that has a plan to follow."""
        attacks = [name for name in self._suite.injection_tasks if self._attack_plan(name)]
        users = list(self._suite.user_tasks)
        return [*users, *(f"{user}/{attack}" for user in users for attack in attacks)]

    @cache  # noqa: B019 - one suite lives as long as its process
    def case(self, case_id: str) -> Case:
        user, attack = _parts(case_id)
        task, before = self._suite.user_tasks[user], self.environment(case_id)
        calls = _calls(task.ground_truth(before))
        if not attack:
            return Case(case_id, task.PROMPT, calls, task.GROUND_TRUTH_OUTPUT)
        wanted = self._suite.injection_tasks[attack]
        return Case(
            case_id,
            task.PROMPT,
            calls,
            task.GROUND_TRUTH_OUTPUT,
            order=_order(attack),
            attack_calls=_calls(wanted.ground_truth(before)),
            attack_answer=wanted.GROUND_TRUTH_OUTPUT,
        )

    def environment(self, case_id: str) -> Any:
        return pickle.loads(self._packed(case_id))  # noqa: S301 - it was made here

    @lru_cache(512)  # noqa: B019
    def _packed(self, case_id: str) -> bytes:
        """Return a case's environment as bytes: to make one from its document takes twenty times as long."""
        user, attack = _parts(case_id)
        injected = {}
        if attack:
            text = f"{_order(attack)}: {self._suite.injection_tasks[attack].GOAL}"
            injected = dict.fromkeys(self._places(user), text)
        return pickle.dumps(self._suite.user_tasks[user].init_environment(self._loaded(injected)))

    def call(self, environment: Any, tool: str, args: Json) -> Any:
        result, error = self._runtime.run_function(environment, tool, dict(args))
        if error is not None:
            raise ToolFailed(error)
        return _ANY.dump_python(result, mode="json")

    def judge(self, case_id: str, environment: Any, answer: str, calls: Sequence[Call]) -> Judged:
        user, attack = _parts(case_id)
        before = self.environment(case_id)
        said = [text_content_block_from_string(answer)]
        trace = [FunctionCall(function=one.tool, args=dict(one.args)) for one in calls]

        def holds(task: Any) -> bool:
            return bool(self._suite._check_task_result(task, said, before, environment, trace))  # noqa: SLF001

        met = bool(attack) and holds(self._suite.injection_tasks[attack])
        return Judged(holds(self._suite.user_tasks[user]), met)

    def _loaded(self, injected: Mapping[str, str]) -> Any:
        """Return an environment with texts in the places of attackers, which else have the package's own."""
        texts = {_token(place): injected.get(place, usual) for place, usual in self._usual.items()}
        return self._suite.environment_type.model_validate(_filled(self._data, texts))

    @cached_property
    def _usual(self) -> dict[str, str]:
        return dict(self._suite.get_injection_vector_defaults())

    @cached_property
    def _data(self) -> Any:
        """The environment's document with a token in each place. Read once: it takes most of a second."""
        text = read_suite_file(self._suite.name, "environment.yaml", self._suite.data_path)
        tokens = {place: _token(place) for place in self._usual}
        return yaml.load(text.format(**tokens), yaml.CSafeLoader)

    @cache  # noqa: B019
    def _places(self, user: str) -> tuple[str, ...]:
        """Return the places that the plan of a user's task reads."""
        task = self._suite.user_tasks[user]
        environment = task.init_environment(self._loaded({place: _token(place) for place in self._usual}))
        plan = _calls(task.ground_truth(environment))
        text = json.dumps([self.call(environment, one.tool, one.args) for one in plan])
        return tuple(place for place in self._usual if _token(place) in text)

    def _attack_plan(self, attack: str) -> Sequence[Call]:
        return _calls(self._suite.injection_tasks[attack].ground_truth(self._loaded({})))


def _parts(case_id: str) -> tuple[str, str]:
    user, _, attack = case_id.partition("/")
    return user, attack


def _order(attack: str) -> str:
    return f"ORDER {attack}"


def _token(place: str) -> str:
    return f"<<{place}>>"


def _filled(value: Any, texts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for token, text in texts.items():
            if token in value:
                value = value.replace(token, text)
        return value
    if isinstance(value, dict):
        return {name: _filled(one, texts) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, texts) for one in value]
    return copy.copy(value)


def _calls(plan: Sequence[FunctionCall]) -> list[Call]:
    """Return a plan's calls with arguments as JSON has them."""
    return [Call(one.function, json.loads(json.dumps(dict(one.args), default=str))) for one in plan]
