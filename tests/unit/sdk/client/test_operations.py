"""The client reaches every operation of the OpenAPI document; a new route needs a line in the table and a method."""

import inspect
import json

import httpx
import pytest
from agentflow import Client
from agentflow.client.operations import OPERATIONS, Operation, is_keyed

from tests.support.api_app import openapi

DOCUMENT = openapi()
BY_ROUTE = {(operation.method, operation.path): name for name, operation in OPERATIONS.items()}
#: Other systems send these, to an address that is their key.
OF_OTHERS = {("POST", "/api/v1/hooks/{address}")}
ROUTES = {
    (method.upper(), path): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if (method.upper(), path) not in OF_OTHERS
}
#: What the signature of a method does not tell.
ARGUMENTS = {
    "workflows.bulk": {"action": "cancel"},
    "workflows.register": {"workflow": {}},
    "prices.list": {"provider": "openai"},
    "compliance.state": {"providers": []},
    "datasets.add": {"cases": [{"inputs": {}}]},
}


def honours_keys(operation):
    return any(p["in"] == "header" and p["name"].lower() == "idempotency-key" for p in operation.get("parameters", []))


def test_every_operation_of_the_document_is_in_the_table_and_no_other():
    missing = sorted(set(ROUTES) - set(BY_ROUTE))
    assert missing == [], "add a line to agentflow/client/operations.py and a method to agentflow/client/aio"
    assert sorted(set(BY_ROUTE) - set(ROUTES)) == []


def test_the_table_knows_which_operations_honour_keys():
    assert [key for key, one in ROUTES.items() if honours_keys(one) != OPERATIONS[BY_ROUTE[key]].keyed] == []
    assert is_keyed("POST", "/api/v1/workflows/runs/r-1/signals/approval")
    assert not is_keyed("POST", "/api/v1/workflows/runs/bulk")
    assert not is_keyed("POST", "/api/v1/workflows/runs//fork")


def answer_of(operation):
    status, found = next((int(code), one) for code, one in operation["responses"].items() if code.startswith("2"))
    if "text/event-stream" in found.get("content", {}):
        return httpx.Response(status, text='event: end\ndata: {"status": "succeeded"}\n\n')
    schema = found.get("content", {}).get("application/json", {}).get("schema")
    return httpx.Response(status, text="" if schema is None else json.dumps(sample(schema)))


def sample(schema):
    """Return a value of a schema with all that it requires."""
    if "$ref" in schema:
        return sample(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in schema:
        return sample(schema["anyOf"][0])
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")])[0]
    kind = schema.get("type")
    if kind == "object":
        return {name: sample(one) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(one) for one in schema.get("prefixItems", [schema.get("items", {})])]
    return {"string": "1", "integer": 1, "number": 1.5, "boolean": True}.get(kind)


def arguments_of(method, name):
    given = dict(ARGUMENTS.get(name, {}))
    for parameter in inspect.signature(method).parameters.values():
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            given.setdefault(parameter.name, ["r-1"] if parameter.name == "run_ids" else "some-id")
    return given


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_method_of_each_operation_sends_its_request_and_reads_its_answer(name):
    sent = []
    operation = OPERATIONS[name]

    def serve(request):
        sent.append((request.method, request.url.path))
        return answer_of(ROUTES[operation.method, operation.path])

    group, _, verb = name.partition(".")
    with Client("http://api.test", "k", transport=httpx.MockTransport(serve)) as client:
        method = getattr(getattr(client, group), verb)
        given = arguments_of(method, name)
        parameters = inspect.signature(method).parameters
        positional = [given.pop(one) for one, p in parameters.items() if p.kind is p.POSITIONAL_ONLY]
        found = method(*positional, **given)
        if name == "workflows.watch":
            assert [event.kind for event in found] == ["end"]
    assert len(sent) == 1
    assert sent[0][0] == operation.method
    assert Operation(operation.method, sent[0][1]).path.count("/") == operation.path.count("/")
    fixed = [part for part in operation.path.split("/") if not part.startswith("{")]
    assert [part for part in sent[0][1].split("/") if part in fixed] == fixed


def test_an_id_is_escaped_and_an_empty_one_refused():
    assert OPERATIONS["workflows.get"].at("a/b?c") == "/api/v1/workflows/runs/a%2Fb%3Fc"
    with pytest.raises(ValueError, match="an id is empty"):
        OPERATIONS["workflows.get"].at("")
