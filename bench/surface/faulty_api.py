"""An HTTP server that takes submissions as the API does, and injects faults around a share of them.

A submission's run follows from its key, as in the API. Faults, in equal shares: the socket is dropped before the
request is worked on, or after it; 503 without or after the work; 429.
"""

import json
import random
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = ("dropped_before", "dropped_after", "503_before", "503_after", "429")
_LINKS = dict.fromkeys(("self", "cancel", "steps", "events", "workflow"), "/")


class FaultyApi:
    """What the server knows: ``runs`` by id, and how many ``faults`` of each kind it injected."""

    def __init__(self, share: float, seed: int) -> None:
        self.runs: dict[str, Any] = {}
        self.faults: Counter[str] = Counter()
        self.requests = 0
        self._share = share
        self._random = random.Random(seed)  # noqa: S311 - faults are chosen, not secret
        self._lock = threading.Lock()

    def fault(self) -> str:
        """Return the fault of the next request, empty for most."""
        with self._lock:
            self.requests += 1
            chosen = self._random.choice(FAULTS) if self._random.random() < self._share else ""
            if chosen:
                self.faults[chosen] += 1
            return chosen

    def submit(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a submission, which is one run however often it comes."""
        run_id = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
        with self._lock:
            known = run_id in self.runs
            self.runs[run_id] = body
        said = {"id": run_id, "workflow_name": body["workflow_name"], "workflow_version": 1, "duplicate": known}
        return {**said, "status": "queued", "submitted_at": None, "links": _LINKS}


@contextmanager
def serving(api: FaultyApi) -> Iterator[str]:
    """Serve it on this machine; yield its address."""

    class Handler(_Handler):
        of = api

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in two writes, and the second would wait for the first's acknowledgement.
    disable_nagle_algorithm = True
    of: FaultyApi

    def do_POST(self) -> None:
        """Take a submission."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.of.fault()
        if fault in {"", "dropped_after", "503_after"}:
            answer = self.of.submit(self.headers["Idempotency-Key"], body)
        else:
            answer = {}
        if fault.startswith("dropped"):
            self.close_connection = True
        elif fault:
            self._answer(int(fault[:3]), {"type": "urn:agentflow:problem:unavailable", "detail": "planted"})
        else:
            self._answer(202, answer)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status in {429, 503}:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class gives it
        """Log nothing: the answers are counted."""
