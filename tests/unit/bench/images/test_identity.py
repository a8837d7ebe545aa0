"""The identity of an image: what the builder names does not count, and everything else does."""

from copy import deepcopy
from typing import Any

import pytest

from bench.deploy.images.store import identity_of

CONFIGURATION: dict[str, Any] = {
    "created": "1970-01-01T00:00:00Z",
    "container": "9af2",
    "container_config": {"Hostname": "0311", "Env": ["A=1"]},
    "config": {"Hostname": "0311", "Env": ["A=1"], "Healthcheck": {"Test": ["CMD", "/t"]}},
    "parent": "sha256:c9a5",
    "rootfs": {"type": "layers", "diff_ids": ["sha256:efc9"]},
    "history": [
        {"created": "1970-01-01T00:00:00Z", "created_by": "COPY file:9a in /t"},
        {"created": "1970-01-01T00:00:00Z", "created_by": "ENV A=1", "comment": "FROM b0d7", "empty_layer": True},
    ],
}


def changed(value: object, *path: str | int) -> dict[str, Any]:
    found = deepcopy(CONFIGURATION)
    here: Any = found
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    return found


@pytest.mark.parametrize(
    "path",
    [("container",), ("container_config",), ("parent",), ("config", "Hostname")],
)
def test_names_of_the_build_do_not_count(path: tuple[str | int, ...]) -> None:
    assert identity_of(changed("another", *path)) == identity_of(CONFIGURATION)
    assert identity_of(changed("FROM 3c78", "history", 1, "comment")) == identity_of(CONFIGURATION)


@pytest.mark.parametrize(
    "path",
    [
        ("created",),
        ("rootfs", "diff_ids", 0),
        ("config", "Env", 0),
        ("config", "Healthcheck"),
        ("history", 0, "created_by"),
        ("history", 1, "comment"),
    ],
)
def test_everything_else_counts(path: tuple[str | int, ...]) -> None:
    assert identity_of(changed("another", *path)) != identity_of(CONFIGURATION)
