"""What fails, at which door: submissions at the API, and models, tools and answers at a worker."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
ADDRESS = "anna.berg@planted-mail.org"
LIMIT_CHARS, LIMIT_DEPTH = 6_000, 12

POLICY: Json = {
    "name": "closed",
    "effects": "allow",
    "privacy": {
        "limits": {"text_chars": LIMIT_CHARS, "depth": LIMIT_DEPTH},
        "redact": [
            {"id": "people", "classes": ["pii"], "action": "token", "at": ["log", "provider", "trace", "cache"]}
        ],
    },
}
#: An address that no input brings: it reaches the model by the template, and the log by the model's answer.
PROMPTS: tuple[Json, ...] = (
    {"name": "closed_mail", "version": 1, "template": f"Write to {ADDRESS} about {{{{.text}}}}"},
    {"name": "closed_large", "version": 1, "template": f"{'Say it again. ' * (LIMIT_CHARS // 10)} {{{{.text}}}}"},
)


def _flow(name: str, *nodes: Json) -> Json:
    return {"name": f"closed_{name}", "version": 1, "dag": {"nodes": list(nodes), "edges": []}}


def _llm(prompt: str) -> Json:
    retries = {"retries": {"max_attempts": 2, "initial_ms": 50}}
    config = {"prompt_ref": f"{prompt}@1", "model": "local-echo", "inputs": {"text": "{{text}}"}}
    return {"id": "ask", "type": "llm", "config": config, "policy": retries}


_MERGE: Json = {"function_name": "result_merger", "function_args": {"strategy": "concat"}, "inputs": {"a": "{{text}}"}}
WORKFLOWS: tuple[Json, ...] = (
    _flow("mail", _llm("closed_mail")),
    _flow("large", _llm("closed_large")),
    _flow("merge", {"id": "merge", "type": "function", "config": _MERGE, "policy": {}}),
)


@dataclass(frozen=True)
class Case:
    """A failure at a door. ``fault`` is planted into the process of the door (``bench.privacy.closed.faulty``).

    ``vault`` says that the process has a vault that does not answer. ``text`` is the input of ``workflow``. A case is
    passed where the run succeeds, the submission is accepted (at the API), or the model is asked.
    """

    name: str
    door: str
    workflow: str
    fault: str = "nothing"
    vault: bool = False
    text: Any = "the letter"


def _deep(levels: int) -> Any:
    value: Any = "the letter"
    for _ in range(levels):
        value = [value]
    return value


_MAIL = f"the letter of {ADDRESS}"
CASES: tuple[Case, ...] = (
    *(Case(f"api: {fault}", "api", "merge", fault=fault, text=_MAIL) for fault in ("rule", "engine", "memory")),
    Case("api: vault", "api", "merge", vault=True, text=_MAIL),
    Case("api: oversized text", "api", "merge", text="letter " * LIMIT_CHARS),
    Case("api: too deep", "api", "merge", text=_deep(LIMIT_DEPTH + 20)),
    *(Case(f"model: {fault}", "worker", "mail", fault=fault) for fault in ("rule", "engine", "memory")),
    Case("model: vault", "worker", "mail", vault=True),
    Case("model: oversized text", "worker", "large"),
    *(Case(f"function: {fault}", "worker", "merge", fault=fault) for fault in ("rule", "engine", "memory")),
)
#: The same doors without a failure: they must let pass, or a refusal says nothing.
CONTROLS: tuple[Case, ...] = (
    Case("api", "api", "merge", text=_MAIL),
    Case("model", "worker", "mail"),
    Case("function", "worker", "merge"),
)
#: Codes of refusals that say what failed; anything else is a refusal without a type.
TYPED = frozenset({"privacy_failed", "privacy_refused", "privacy-refused", "too_large", "too-large", "unavailable"})
