"""Objects for readers: values in place of tokens for those who may see them, and only of a run that refers to it."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from api.reading import restored_object, restored_texts
from connectors.postgres.history.runs import StoredRun
from schemas.errors import NotFound
from schemas.policies.read import read_policy
from schemas.records.spans import Span
from services.security.policies.restoring import ReaderRestores
from tests.support.privacy import Vault

SHA = "ab" * 32
WHO: Any = SimpleNamespace(
    org_id="acme",
    key_id="key-1",
    kind="key",
    project="support",
    permissions=frozenset({"read"}),
    roles=(),
    actor="key:key-1",
)
RULE = {"id": "desk", "when": "reader.project == 'support' && output.kind == 'object'"}


class Active:
    """The active policy of every organisation."""

    def __init__(self, readers: list[Any]) -> None:
        self._policy = read_policy({"name": "shown", "privacy": {"restore": {"readers": readers}}})

    async def of(self, _org_id: str) -> Any:
        return SimpleNamespace(policy=self._policy, hash="1", name="shown@1")


class Log:
    """Keeps what is appended."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    async def append(self, records: list[Any]) -> None:
        self.records += records


def run(sha256: str = SHA) -> StoredRun:
    fields: dict[str, Any] = dict.fromkeys(StoredRun.__dataclass_fields__)
    given = {"id": "run-1", "workflow_name": "flow", "workflow_version": 1, "tags": {}, "output": {}}
    reference = {"kind": "reference", "sha256": sha256, "uri": f"objects:///acme/{sha256}", "size": 9}
    return StoredRun(**(fields | given | {"stored_inputs": {"text": reference}}))


def parts(vault: Vault, readers: list[Any], stored: StoredRun) -> Any:
    async def get(org_id: str, run_id: str, *, step_outputs: bool) -> Any:
        assert (org_id, run_id, step_outputs) == ("acme", "run-1", True)
        return stored, []

    runs = SimpleNamespace(history=SimpleNamespace(get=get), appender=Log())
    restores = ReaderRestores(Active(readers), vault)
    return SimpleNamespace(runs=runs, security=SimpleNamespace(restores=restores))


async def object_with_token(vault: Vault) -> bytes:
    (token,) = await vault.tokens_for("acme", None, [("email", "ann@acme.org")])
    return orjson.dumps({"said": f"write to {token}"})


async def test_a_reader_who_may_sees_values_in_objects_and_the_audit_log_says_so() -> None:
    vault = Vault()
    data = await object_with_token(vault)
    services = parts(vault, [RULE], run())
    assert orjson.loads(await restored_object(services, WHO, "run-1", SHA, data)) == {"said": "write to ann@acme.org"}
    (said,) = services.runs.appender.records
    assert b"privacy:desk" in said.value
    assert b"ann@acme.org" not in said.value


@pytest.mark.parametrize("readers", [[], [{"id": "others", "when": "reader.project == 'sales'"}]])
async def test_all_others_see_tokens(readers: list[Any]) -> None:
    vault = Vault()
    data = await object_with_token(vault)
    assert await restored_object(parts(vault, readers, run()), WHO, "run-1", SHA, data) == data


async def test_an_object_of_another_run_is_not_restored() -> None:
    vault = Vault()
    data = await object_with_token(vault)
    with pytest.raises(NotFound, match="no reference"):
        await restored_object(parts(vault, [RULE], run("cd" * 32)), WHO, "run-1", SHA, data)


async def test_bytes_that_are_no_json_stay() -> None:
    assert await restored_object(parts(Vault(), [RULE], run()), WHO, "run-1", SHA, b"\x00picture") == b"\x00picture"


async def test_texts_of_a_trace_of_one_run_are_shown_to_those_who_may() -> None:
    vault = Vault()
    (token,) = await vault.tokens_for("acme", None, [("email", "ann@acme.org")])
    span = Span(span_id="s1", name="ask", start_ns=1, end_ns=2, attributes={"input": f"to {token}", "n": 1})
    rule = {"id": "desk", "when": "output.kind == 'trace'", "kinds": ["email"]}
    services, spans = parts(vault, [rule], run()), {"s1": span}
    found = await restored_texts(services, WHO, [run()], spans)
    assert found["s1"].attributes == {"input": "to ann@acme.org", "n": 1}
    assert await restored_texts(services, WHO, [run(), run()], spans) == spans
    assert await restored_texts(parts(vault, [RULE], run()), WHO, [run()], spans) == spans
