"""Engines by name, from entry points."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from services.privacy.detect import engines
from services.privacy.detect.engines import GROUP, engine_named
from services.privacy.detect.errors import DetectorFailed


class Ours:
    """An engine that finds nothing."""

    def find(self, text: str, above: str = "") -> list[Any]:
        return []


def broken() -> Ours:
    raise OSError("no model")


@pytest.fixture
def _points(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = {"ours": Ours, "broken": broken}
    points = [EntryPoint(name, "not:imported", GROUP) for name in made]
    monkeypatch.setattr(EntryPoint, "load", lambda point: made[point.name])
    monkeypatch.setattr(engines, "entry_points", lambda **wanted: [one for one in points if one.name == wanted["name"]])
    engine_named.cache_clear()
    yield
    engine_named.cache_clear()


@pytest.mark.usefixtures("_points")
def test_an_entry_point_is_loaded_once() -> None:
    assert isinstance(engine_named("ours"), Ours)
    assert engine_named("ours") is engine_named("ours")


@pytest.mark.usefixtures("_points")
@pytest.mark.parametrize(("name", "said"), [("broken", "did not load"), ("unknown", "install a package")])
def test_what_is_not_there_is_a_refusal(name: str, said: str) -> None:
    with pytest.raises(DetectorFailed, match=said):
        engine_named(name)
