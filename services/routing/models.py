"""The models that a router knows: quality with its source, and what they can do, from ``quality.json`` and a file.

``quality`` is 0 to 1. The shipped figures are public results of one benchmark, so that they compare; figures of your
own evaluations replace them (``ROUTES_FILE``). ``latency_ms`` is what an answer takes until somebody has observed it.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from schemas.values.fields import file_faults
from services.routing.data_classes import DataClasses

QUALITY_FILE = Path(__file__).with_name("quality.json")


class Model(BaseModel):
    """One model of one provider. ``source`` says who measured its quality, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str = Field(min_length=1, max_length=128)
    model: str = Field(min_length=1, max_length=256)
    quality: float = Field(ge=0, le=1, allow_inf_nan=False)
    source: str = Field(min_length=1)
    context_tokens: int = Field(gt=0)
    latency_ms: float = Field(gt=0, allow_inf_nan=False)
    tools: bool = True
    images: bool = True
    json_schema: bool = True

    @property
    def route(self) -> str:
        """``provider/model``, by which all of routing names it."""
        return f"{self.provider}/{self.model}"


class RoutesFile(BaseModel):
    """A file of models, and per organisation which of them it may use: patterns of ``provider/model`` with ``*``.

    An organisation that it does not name may use all. ``data_classes`` names the routes that data of a class may be
    sent to, ``organisation_data_classes`` the same for one organisation, see ``services.routing.data_classes``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(min_length=1, max_length=64)
    scale: str = ""
    models: list[Model] = []
    organisations: dict[str, list[str]] = {}
    data_classes: dict[str, list[str]] = {}
    organisation_data_classes: dict[str, dict[str, list[str]]] = {}


class Models:
    """Every known model by route, and the version of the files that they are from."""

    def __init__(self, files: Sequence[RoutesFile]) -> None:
        found = {model.route: model for file in files for model in file.models}
        self.all: tuple[Model, ...] = tuple(found[route] for route in sorted(found))
        self.version = "+".join(file.version for file in files)
        self.data_classes = DataClasses(
            {name: tuple(routes) for file in files for name, routes in file.data_classes.items()},
            {
                (org, name): tuple(routes)
                for file in files
                for org, classes in file.organisation_data_classes.items()
                for name, routes in classes.items()
            },
        )
        self._organisations = {org: tuple(names) for file in files for org, names in file.organisations.items()}

    @classmethod
    def load(cls, routes_file: str = "") -> "Models":
        """Return the shipped models with ``routes_file``'s in their place or added. Raises ``ValueError``."""
        return cls([read_routes(path) for path in (QUALITY_FILE, *([Path(routes_file)] if routes_file else []))])

    def allowed(self, org_id: str) -> tuple[str, ...]:
        """Return the patterns that an organisation is limited to; none when it may use all."""
        return self._organisations.get(org_id, ())


def read_routes(file: Path) -> RoutesFile:
    """Return a file of models. Raises ``ValueError`` that says what is wrong where."""
    with file_faults(f"the routes file {file}", "ROUTES_FILE"):
        return RoutesFile.model_validate_json(file.read_bytes())
