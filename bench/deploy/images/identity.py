"""What an image is, without the builder's own names.

Docker's form of a configuration, which alone has health checks, names the containers and the unfinished images of the
build: other ones each time. The form of OCI has none of them, so the same source has one id there.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

#: Of the configuration: the last container, the image before the last line, and a copy of ``config`` with a host name.
_BUILDERS = frozenset({"container", "container_config", "parent"})


def identity_of(configuration: Mapping[str, Any]) -> str:
    """Return a hash of an image's configuration, which names all its layers by their hashes."""
    kept = {name: value for name, value in configuration.items() if name not in _BUILDERS}
    kept["config"] = {name: value for name, value in configuration["config"].items() if name != "Hostname"}
    kept["history"] = [_line(one) for one in configuration["history"]]
    return hashlib.sha256(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of the history without the image that it began with."""
    begins = str(line.get("comment", "")).startswith("FROM ")
    return {name: value for name, value in line.items() if not (name == "comment" and begins)}
