"""Files of the chart that are made from the code: the schema of its values, and the list of roles."""

from collections.abc import Mapping
from pathlib import Path

import orjson

from deploy.manifests.values_schema import schema
from streams.roles.registry import ROLES
from streams.roles.worker.role import SPEC as WORKER

CHART = Path(__file__).resolve().parents[1] / "helm" / "agentflow"


def files() -> Mapping[Path, str]:
    """Return what each generated file should hold."""
    roles = [name for name in ROLES if name != WORKER.name]
    return {
        CHART / "values.schema.json": orjson.dumps(schema(), option=orjson.OPT_INDENT_2).decode() + "\n",
        CHART / "files" / "roles.txt": "\n".join(roles) + "\n",
    }


def stale() -> list[Path]:
    """Return the generated files that differ from the code."""
    return [path for path, text in files().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
