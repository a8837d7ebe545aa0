"""``make run`` and ``make demo`` as their user sees them, but for the install."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil

from deploy.local.roles import ROOT
from tests.support.polling import until
from tests.support.silence import listen

LOCAL = [sys.executable, "-m", "deploy.local"]
READY_S = 90
SECOND_START_S = 15
FIRST_RESULT_S = 30


def test_the_demo_shows_its_runs_is_never_silent_and_ends_well() -> None:
    heard = listen([*LOCAL, "demo"])
    said = "\n".join(line for _, line in heard.lines)
    assert heard.code == 0, said
    assert heard.longest_silence_s < 5
    first = heard.first("succeeded, $")
    assert first is not None
    assert first < FIRST_RESULT_S
    for expected in (
        *("map_reduce_analysis (opticks): succeeded", "Key sentences:", "at local/local-silver"),
        *("conditional_processing (a text): process_image skipped (condition:", "multi_lang_translation (German)"),
        "cost_optimized_processing (complex): succeeded",
    ):
        assert expected in said


class Running:
    """``python -m deploy.local run`` in a directory."""

    def __init__(self, data_dir: Path, log: Path) -> None:
        self.log = log
        self._out = log.open("w")
        self.process = subprocess.Popen(
            [*LOCAL, "run", "--no-sample", "--data-dir", str(data_dir)],
            cwd=ROOT,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.started = time.monotonic()
        self.url = until(self._url, READY_S, "it serves")
        self.seconds = time.monotonic() - self.started
        key = (data_dir / "api-key").read_text()
        self.client = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False)

    def _url(self) -> str | None:
        assert self.process.poll() is None, self.log.read_text()
        said = [line for line in self.log.read_text().splitlines() if line.startswith("serving on ")]
        return said[0].split()[2] if said else None

    def interrupt(self) -> int:
        """Do what Ctrl-C does; return the exit code. Nothing may be left running."""
        self.client.close()
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=60)
        self._out.close()
        _, alive = psutil.wait_procs(children, timeout=5)
        assert alive == []
        return code


def test_a_second_start_keeps_the_data_and_ctrl_c_stops_everything(tmp_path: Path) -> None:
    prompt = {"name": "kept", "version": 1, "template": "Say {{.word}}"}
    first = Running(tmp_path / "data", tmp_path / "first.log")
    try:
        assert first.client.post("/api/v1/prompts", json=prompt).status_code == 201
    finally:
        code = first.interrupt()
    assert code == 0, first.log.read_text()
    second = Running(tmp_path / "data", tmp_path / "second.log")
    try:
        assert second.client.get("/api/v1/prompts/kept?version=1").status_code == 200
        assert second.seconds < SECOND_START_S
    finally:
        code = second.interrupt()
    assert code == 0, second.log.read_text()
