"""A process of roles: one at a time of a name."""

from pathlib import Path

import pytest

from deploy.local.roles import RoleProcess, RoleStartError

SERVES = "import time; print('{}', flush=True); time.sleep(60)"


def test_a_process_that_runs_is_not_started_a_second_time(tmp_path: Path) -> None:
    process = RoleProcess("echo", ["-c", SERVES], {}, tmp_path / "echo.log")
    process.start(30)
    first = process.pid
    with pytest.raises(RoleStartError, match=f"echo runs already, as process {first}"):
        process.start(30)
    assert process.pid == first
    process.kill()
    process.start(30)
    assert process.pid not in {None, first}
    process.kill()
