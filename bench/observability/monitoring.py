"""A real Prometheus and a real Alertmanager beside a running system, with the rules and alerts of this repository.

All their times are divided by ``FASTER``, so that minutes are seconds and nobody waits an hour for `increase[1h]`;
names, expressions, thresholds and labels are as they are.
"""

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bench.lines import BenchError
from deploy.local.engines.ports import LOOPBACK, PortBook

HOME = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
FASTER = 60
START_S = 30.0
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(?<![\w.:])(\d+)([smhd])\b")

Json = dict[str, Any]


class Notice(NamedTuple):
    """What the webhook got of one alert: ``status`` is firing or resolved."""

    at_s: float
    status: str
    labels: Mapping[str, str]


def tools() -> tuple[str, str] | None:
    """Return the programs Prometheus and Alertmanager; ``None`` where one of them is not installed."""
    prometheus = shutil.which("prometheus")
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    return (prometheus, alertmanager) if prometheus and alertmanager else None


def faster(text: str, by: int = FASTER) -> str:
    """Return a text with all durations divided, none below a second; those inside of names stay."""
    return _DURATION.sub(lambda one: f"{max(1, int(one[1]) * _SECONDS[one[2]] // by)}s", text)


@dataclass
class Monitoring:
    """Both servers and a webhook, in a directory; a context manager. ``targets`` are addresses by job."""

    directory: Path
    targets: Mapping[str, Sequence[str]]
    notices: list[Notice] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Monitoring":
        found = tools()
        if found is None:
            raise BenchError("prometheus or prometheus-alertmanager is not installed")
        prometheus, alertmanager = found
        with self._stack as stack:
            hook = self._webhook(stack)
            ports = PortBook(self.directory / "ports.json")
            self._manager = f"{LOOPBACK}:{ports.port('alertmanager')}"
            self._url = f"http://{LOOPBACK}:{ports.port('prometheus')}"
            self._write(hook)
            own = [f"--storage.path={self.directory / 'alertmanager'}", "--cluster.listen-address="]
            config = f"--config.file={self.directory / 'alertmanager.yml'}"
            self._run(stack, [alertmanager, config, f"--web.listen-address={self._manager}", *own])
            address = self._url.partition("//")[2]
            options = [f"--storage.tsdb.path={self.directory / 'data'}", "--enable-feature=exemplar-storage"]
            config = f"--config.file={self.directory / 'prometheus.yml'}"
            self._run(stack, [prometheus, config, f"--web.listen-address={address}", *options])
            self._wait(f"http://{self._manager}/-/ready")
            self._wait(f"{self._url}/-/ready")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def query(self, expression: str) -> list[Json]:
        """Return the series of an expression now. Raises ``BenchError`` when Prometheus refuses it."""
        found: list[Json] = self._ask("query", query=expression)["result"]
        return found

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float = 1.0) -> list[Json]:
        """Return the series of an expression over a time. Raises as ``query`` does."""
        found: list[Json] = self._ask("query_range", query=expression, start=start_s, end=end_s, step=step_s)["result"]
        return found

    def exemplars(self, expression: str, start_s: float, end_s: float) -> list[Json]:
        """Return the exemplars of a histogram's buckets."""
        found: list[Json] = self._ask("query_exemplars", query=expression, start=start_s, end=end_s)
        return found

    def first(self, alert: str, status: str, since_s: float, deadline_s: float) -> Notice | None:
        """Return the first notice of an alert after a time, or ``None`` when it does not come within the deadline."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            for one in list(self.notices):
                if one.at_s >= since_s and one.status == status and one.labels["alertname"] == alert:
                    return one
            time.sleep(0.05)
        return None

    def _ask(self, path: str, **fields: object) -> Any:
        body = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(f"{self._url}/api/v1/{path}", body)  # noqa: S310 - of this machine
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return json.load(answer)["data"]
        except urllib.error.HTTPError as exc:
            raise BenchError(f"{path} {fields}: {exc.read().decode()[:300]}") from exc

    def _write(self, hook: str) -> None:
        for name in ("rules.yaml", "alerts.yaml"):
            (self.directory / name).write_text(faster((HOME / name).read_text("utf-8")))
        config: Json = yaml.safe_load((HOME / "prometheus.yml").read_text("utf-8"))
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [self._manager]}]}]}
        config["scrape_configs"] = [
            {"job_name": job, "static_configs": [{"targets": list(targets)}]} for job, targets in self.targets.items()
        ]
        (self.directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        manager: Json = yaml.safe_load(faster((HOME / "alertmanager.example.yml").read_text("utf-8")))
        # What is silent because something worse is known is silent for good reasons, and would hide an alert here.
        manager["inhibit_rules"] = []
        for receiver in manager["receivers"]:
            receiver["webhook_configs"] = [{"url": hook, "send_resolved": True}]
        (self.directory / "alertmanager.yml").write_text(yaml.safe_dump(manager))

    def _run(self, stack: ExitStack, command: Sequence[str]) -> None:
        log = stack.enter_context((self.directory / f"{Path(command[0]).name}.log").open("wb"))
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)

    def _wait(self, url: str) -> None:
        end = time.monotonic() + START_S
        while True:
            try:
                with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - of this machine
                    return
            except OSError:
                if time.monotonic() > end:
                    logs = "; ".join(path.read_text()[-300:] for path in self.directory.glob("*.log"))
                    raise BenchError(f"{url} does not answer within {START_S:.0f} s: {logs}") from None
                time.sleep(0.1)

    def _webhook(self, stack: ExitStack) -> str:
        notices = self.notices

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                at = time.time()
                notices.extend(Notice(at, one["status"], one["labels"]) for one in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
                """Say nothing."""

        server = ThreadingHTTPServer((LOOPBACK, 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        return f"http://{LOOPBACK}:{server.server_address[1]}/"


def values_of(series: Iterable[Json]) -> list[float]:
    """Return all values of series that are numbers."""
    found: list[float] = []
    for one in series:
        pairs = one["values"] if "values" in one else [one["value"]]
        found += [float(value) for _, value in pairs if value != "NaN"]
    return found
