"""The jobs that the bench starts beside each other."""

import subprocess

import pytest

from bench.measures.stock.against_stock import JOBS, command
from bench.results import ROOT


@pytest.mark.parametrize("job", JOBS)
def test_a_job_can_be_started_by_its_command(job: str) -> None:
    done = subprocess.run([*command(job), "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--bootstrap" in done.stdout
