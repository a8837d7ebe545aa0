"""What people's runs are sent and read with: requests that are repeated while processes die under them."""

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import orjson

from bench.lines import BenchError, NotThere
from bench.privacy.erasure.people import PROMPT, SIGNAL, Person, workflows
from deploy.local.system import System

RUNS = "/api/v1/workflows/runs"
AT_ONCE = 6
#: A killed API is back in some seconds, and a takeover takes a session.
WITHIN_S = 120.0
_PAUSE_S = 0.2
_STORED = re.compile(r"(?:sealed\+)?objects:///[^\s\"\\]+/[0-9a-f]{64}")
_REFUSED = frozenset({403, 404, 409, 410, 422})
_AGAIN = frozenset({404, 409, 425, 429, 500, 502, 503, 504})


class Client:
    """One organisation's client. Every request is repeated until it is answered; raises ``BenchError`` otherwise."""

    def __init__(self, system: System, within_s: float = WITHIN_S) -> None:
        self._system, self._within_s = system, within_s
        #: One connection for each thread: they are not shared, and making one for each request would cost the most.
        self._own = threading.local()
        self.again = 0

    def require(self) -> None:
        """Raise ``NotThere`` where the API cannot erase anybody."""
        paths = self._repeated(lambda http: http.get("/openapi.json")).json()["paths"]
        if not any("/subjects/" in path and path.endswith("/erase") for path in paths):
            raise NotThere("this checkout's API has no POST /api/v1/subjects/{id}/erase")

    def define(self) -> None:
        """Register the prompt and the workflows of people."""
        self.post("/api/v1/prompts", PROMPT)
        for workflow in workflows().values():
            self.post("/api/v1/workflows", workflow)

    def submit(self, person: Person, kind: str, key: str, *, named: bool = True) -> str:
        """Submit a run about a person; return its id. One key is one run."""
        answer = self.post(RUNS, person.body(kind, named=named), key)
        return str(answer["id"])

    def signal(self, run: str, person: Person) -> None:
        """Answer a run that waits for a person."""
        path, key = f"{RUNS}/{run}/signals/{SIGNAL}", {"Idempotency-Key": f"{run}-signal"}
        # A run that has ended took it already: the answer to an earlier try was lost.
        self._repeated(lambda http: http.post(path, json=person.signal(), headers=key), also=frozenset({409}))

    def read(self, run: str) -> dict[str, Any]:
        """Return a run with the outputs of its steps and the contents of stored values, as a reader sees it.

        ``contents`` has the text of each stored value, or the status of its refusal.
        """
        found = dict(self._repeated(lambda http: http.get(f"{RUNS}/{run}", params={"step_outputs": True})).json())
        contents = {uri: self._content(uri, run) for uri in sorted(set(_STORED.findall(orjson.dumps(found).decode())))}
        return found | {"contents": contents}

    def _content(self, uri: str, run: str) -> str:
        *_, owner, sha256 = uri.split("/")
        sealed = {"subject": owner} if uri.startswith("sealed") else {}
        answer = self._repeated(
            lambda http: http.get(f"/api/v1/objects/{sha256}", params={"run_id": run, **sealed}), also=_REFUSED
        )
        return answer.text if answer.is_success else f"{answer.status_code}"

    def erase(self, person: Person) -> dict[str, Any]:
        """Erase a person; repeating it changes nothing."""
        return self.post(f"/api/v1/subjects/{person.id}/erase", {})

    def cancel(self, run: str) -> None:
        """Cancel a run; one that has ended stays as it is."""
        self._repeated(lambda http: http.post(f"{RUNS}/{run}/cancel", json={}), also=frozenset({409}))

    def post(self, path: str, body: Any, key: str = "") -> dict[str, Any]:
        """Send a body until it is accepted."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = self._repeated(lambda http: http.post(path, json=body, headers=headers))
        return dict(answer.json()) if answer.content else {}

    def _http(self) -> httpx.Client:
        found: httpx.Client | None = getattr(self._own, "client", None)
        if found is None:
            found = self._own.client = self._system.client()
        return found

    def _repeated(
        self, request: Callable[[httpx.Client], httpx.Response], also: frozenset[int] = frozenset()
    ) -> httpx.Response:
        deadline, said = time.monotonic() + self._within_s, "no answer"
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                answer = request(self._http())
                if answer.is_success or answer.status_code in also:
                    return answer
                said = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code not in _AGAIN:
                    raise BenchError(f"{answer.request.method} {answer.request.url.path} was refused: {said}")
            self.again += 1
            time.sleep(_PAUSE_S)
        raise BenchError(f"a request is not answered within {self._within_s:.0f} s: {said}")


def submit_all(client: Client, work: Iterable[tuple[Person, str, str]], *, named: bool = True) -> Mapping[str, Person]:
    """Submit (person, kind, key) and answer those that wait for a signal; return the runs."""

    def one(item: tuple[Person, str, str]) -> tuple[str, Person]:
        person, kind, key = item
        run = client.submit(person, kind, key, named=named)
        if kind == "answer":
            client.signal(run, person)
        return run, person

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(pool.map(one, work))


def read_all(client: Client, runs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return runs as a reader sees them."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(runs, pool.map(client.read, runs), strict=True))


def erase_all(client: Client, people: Sequence[Person]) -> dict[int, dict[str, Any]]:
    """Erase people; return the answers by their numbers."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((person.number for person in people), pool.map(client.erase, people), strict=True))
