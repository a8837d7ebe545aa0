"""Processes of images: what they are started with."""

from pathlib import Path

import pytest

from bench.deploy.images.container import image_of, target_of

INSPECTED = {"OCIv1": {"config": {"Env": ["PATH=/opt/venv/bin", "A=b=c"], "User": "10001:10002", "WorkingDir": "/app"}}}


def test_image_says_its_user_folder_and_variables() -> None:
    image = image_of(Path("/root"), INSPECTED)
    assert (image.uid, image.folder, image.env) == (10001, "/app", {"PATH": "/opt/venv/bin", "A": "b=c"})


def test_command_gives_up_every_right_before_the_process_begins() -> None:
    command = image_of(Path("/mnt"), INSPECTED).command(Path("/objects"), ["python3", "-m", "api"])
    assert command[-3:] == ["python3", "-m", "api"]
    for part in (("--reuid", "10001"), ("--regid", "10002"), ("--clear-groups", "--no-new-privs")):
        at = command.index(part[0])
        assert command[at + 1] == part[1]
    assert {"--bounding-set=-all", "/objects", "/app/.agentflow"} <= set(command)


@pytest.mark.parametrize(
    ("image", "target"),
    [
        ("agentflow-worker:latest", "worker"),
        ("${IMAGE_PREFIX:-}agentflow-control-plane:${IMAGE_TAG:-v1}", "control-plane"),
    ],
)
def test_target_is_that_of_the_services_image(image: str, target: str) -> None:
    assert target_of({"image": image}) == target
