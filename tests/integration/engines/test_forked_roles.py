"""Roles that are forked behave as those that are executed: arguments, environment, output, exit codes, signals."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.roles import RoleProcess
from streams.process.exit_codes import Exit
from tests.support.polling import until
from tests.support.role_server import Request

MODEL = ["-m", "connectors.providers.local.server", "--port", "0"]


@pytest.fixture
def model(tmp_path: Path) -> Iterator[RoleProcess]:
    process = RoleProcess("model", MODEL, {"COLOUR": "blue"}, tmp_path / "model.log")
    process.start()
    yield process
    process.kill()


def test_a_role_is_a_process_of_its_own_session_with_its_environment(model: RoleProcess) -> None:
    assert model.pid is not None
    assert model.ready["pid"] == model.pid
    assert os.getsid(model.pid) == model.pid
    assert model.returncode is None
    server = psutil.Process(model.pid).parent()
    assert server is not None
    assert "tests.support.role_server" in server.cmdline()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_the_exit_code_says_how_it_ended(model: RoleProcess, sent: signal.Signals, code: int) -> None:
    assert model.process is not None
    model.process.send_signal(sent)
    assert model.process.wait(30) == code
    assert (model.pid, model.returncode, model.stop()) == (None, code, code)


def test_a_refusal_to_start_has_its_code_and_its_line(tmp_path: Path) -> None:
    worker = RoleProcess("worker", ["-m", "streams", "worker"], {"TOPIC_PARTITIONS": "many"}, tmp_path / "worker.log")
    worker.launch()
    until(lambda: worker.pid is None, 30, "the worker has ended")
    assert worker.returncode == Exit.CONFIG
    assert "TOPIC_PARTITIONS" in worker.log_tail()


def test_it_starts_again_in_its_place(model: RoleProcess) -> None:
    first = model.pid
    model.kill()
    assert model.start()["pid"] == model.pid != first


def test_a_request_survives_its_packing() -> None:
    request = Request(["-m", "api"], {"A": "ö\n"}, "/", 9)
    assert Request.unpacked(request.packed()) == request
