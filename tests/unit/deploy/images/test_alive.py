"""The health check of containers, and of `helm test`, against pages that answer or do not."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.images import alive

PAGES = {"/health": 200, "/ready": 503}


class Pages(BaseHTTPRequestHandler):
    """Answers by the table."""

    def do_GET(self) -> None:
        self.send_response(PAGES[self.path])
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port():
    server = HTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_process_that_lives_is_found_alive(port: int) -> None:
    assert alive.main([str(port)]) == 0


def test_port_where_nobody_listens_is_not(port: int) -> None:
    assert alive.answers("127.0.0.1", port, "/health")
    assert alive.main(["1"]) == 1


def test_process_that_is_not_ready_is_named(port: int, capsys, monkeypatch) -> None:
    monkeypatch.setattr(alive, "READY_S", 0.0)
    assert alive.not_ready([f"http://127.0.0.1:{port}"], 0.0) == [f"http://127.0.0.1:{port}"]


def test_ready_ones_are_waited_for(port: int, monkeypatch) -> None:
    monkeypatch.setitem(PAGES, "/ready", 200)
    assert alive.main(["--ready", f"http://127.0.0.1:{port}"]) == 0


@pytest.mark.parametrize("arguments", [[], ["x"], ["--ready"], ["--ready", "ftp://a"], ["1", "2"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    assert alive.main(arguments) == 2
