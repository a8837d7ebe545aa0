"""Tools in the whole system: S3 and a web site beside it, another package's tools, and a secret that nobody records."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from tests.support.client import define_workflow, merger, submission, submit, wait_for_run
from tests.support.metrics import scrape_role
from tests.support.polling import until
from tests.support.s3_server import S3Server, s3_server
from tests.support.topics import read_topic
from topics import catalogue

SECRET = "a-secret-that-nobody-records"
PACKAGE = """
from prometheus_client import Counter
from connectors.tools import METRICS, ToolContext

GREETED = Counter("house_greetings", "Who was greeted.", ["who"], registry=METRICS)

class Greeter:
    "Greets."
    def __init__(self, *, greeting: str = "Hello") -> None:
        self.greeting = greeting

    def __call__(self, context: ToolContext, *, who: str, times: int = 1) -> str:
        GREETED.labels(who).inc()
        return " ".join([f"{self.greeting}, {who}"] * times)
"""
ENTRY_POINTS = """[agentflow.tools]
harness.greet = house_tools:Greeter
harness.broken = house_tools_that_are_not_there:nothing
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with echoing() as url:
        yield url


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, s3: S3Server, echo: str) -> Iterator[System]:
    env = {
        "REMOTE_BUCKETS": "documents,results",
        "OBJECTS_URL": "s3://private/objects",
        "AWS_ENDPOINT_URL": s3.access.endpoint,
        "AWS_ACCESS_KEY_ID": s3.access.key_id,
        "AWS_SECRET_ACCESS_KEY": s3.access.secret,
        "HTTP_ALLOW": echo,
        "HTTP_ALLOW_NETWORKS": "127.0.0.0/8",
        "HTTP_SECRETS": "HOUSE_TOKEN",
        "HOUSE_TOKEN": SECRET,
        "PYTHONPATH": str(package(tmp_path_factory.mktemp("package"))),
    }
    with System(tmp_path_factory.mktemp("system"), durable=False, env=env) as started:
        yield started


def package(root: Path) -> Path:
    """An installed package with two tools, one of them broken."""
    info = root / "house_tools-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness-tools\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (root / "house_tools.py").write_text(PACKAGE)
    return root


@contextmanager
def echoing() -> Iterator[str]:
    """A web site that repeats what it is told, secrets included."""

    class Echo(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
            pass

        def do_POST(self) -> None:
            told = self.rfile.read(int(self.headers["Content-Length"])).decode()
            body = f"{self.headers['Authorization']} {self.headers['Idempotency-Key']} {told}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tool(id_: str, name: str, config: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
    more = {"tool_config": config} if config else {}
    return {"id": id_, "type": "tool", "config": {"tool_name": name, "tool_args": args, "inputs": {}} | more}


def test_a_document_comes_from_s3_goes_to_a_host_and_back(
    system: System, client: httpx.Client, s3: S3Server, echo: str
) -> None:
    s3.objects["documents/letter.txt"] = b"Dear Sir"
    flow = define_workflow(
        client,
        tool("read", "s3.fetch", bucket="documents", key="{{key}}"),
        tool(
            "ask",
            "http.request",
            url=f"{echo}/say",
            method="POST",
            headers={"Authorization": "Bearer ${ENV:HOUSE_TOKEN}"},
            body="read.output",
        ),
        tool("keep", "s3.put", bucket="results", key="{{key}}.answer", body="ask.output.body"),
        edges="read>ask ask>keep",
    )
    run_id = submit(client, submission(flow, {"key": "letter.txt"}))
    found = wait_for_run(client, run_id, outputs=True)
    assert found["status"] == "succeeded", found
    assert found["by_id"]["keep"]["output"]["uri"] == "s3://results/letter.txt.answer"
    assert s3.objects["results/letter.txt.answer"].decode() == f"Bearer ${{ENV:HOUSE_TOKEN}} {run_id}:ask Dear Sir"
    assert SECRET not in str(found)
    for topic in (catalogue.RUN_EVENTS, catalogue.RUN_VIEWS, catalogue.TRACE_SPANS, catalogue.lane("silver")):
        records = read_topic(system.endpoints.kafka_bootstrap, topic)
        assert not [record for record in records if SECRET.encode() in (record.value or b"")]


def test_a_large_output_is_stored_in_s3_and_read_by_the_next_step(client: httpx.Client, s3: S3Server) -> None:
    flow = define_workflow(
        client,
        tool("many", "harness.greet", {"greeting": "Salve"}, who="mundus", times=10_000),
        merger("join", inputs={"text": "many.output"}),
        edges="many>join",
    )
    found = wait_for_run(client, submit(client, submission(flow)), outputs=True)
    assert found["status"] == "succeeded", found
    reference = found["by_id"]["join"]["output"]
    stored = client.get(f"/api/v1/objects/{reference['sha256']}")
    assert stored.json() == " ".join(["Salve, mundus"] * 10_000)
    assert s3.objects[f"private/objects/default/{reference['sha256'][:2]}/{reference['sha256']}"] == stored.content


def test_tools_of_another_package_are_listed_called_and_counted(system: System, client: httpx.Client) -> None:
    listed = client.get("/api/v1/tools").json()
    (greet,) = (entry for entry in listed["tools"] if entry["name"] == "harness.greet")
    assert (greet["summary"], greet["config"]["properties"]["greeting"]["default"]) == ("Greets.", "Hello")
    (problem,) = listed["problems"]
    assert "the tool 'harness.broken' of harness-tools" in problem
    assert "ModuleNotFoundError" in problem
    flow = define_workflow(client, tool("greet", "harness.greet", who="Ada"))
    assert wait_for_run(client, submit(client, submission(flow)), outputs=True)["output"] == {"greet": "Hello, Ada"}
    bad = {"id": "a", "type": "tool", "config": {"tool_name": "harness.greet", "tool_config": {"greting": "Hi"}}}
    answer = client.post("/api/v1/workflows", json={"name": "bad", "version": 1, "dag": {"nodes": [bad]}})
    assert (answer.status_code, "greting" in answer.text) == (422, True)
    until(lambda: counted(system) == 1, 60, "the worker's metrics have the tool's")


def counted(system: System) -> float:
    """How often the worker greeted Ada."""
    roles = [role for role in system.roles.values() if "metrics_port" in role.ready]
    return sum(scrape_role(role).total("house_greetings_total", who="Ada") for role in roles)
