"""Engines by name, from entry points."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from schemas.errors import InvalidInput
from schemas.policies.read import read_policy
from services.privacy.detect import engines
from services.privacy.detect.engines import GROUP, engine_named, not_installed
from services.privacy.detect.errors import DetectorFailed
from services.privacy.redact.standard import detectors_of
from services.security.policies.documents import check_engines


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


@pytest.mark.usefixtures("_points")
def test_what_is_missing_is_known_without_loading_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines._MISSING, "presidio", lambda: ["spacy"])  # type: ignore[index]
    monkeypatch.setitem(engines._MISSING, "classifier", list)  # type: ignore[index]
    assert not_installed("presidio") == "needs spacy, which are not installed here"
    assert not_installed("classifier") == ""
    assert not_installed("broken") == ""
    assert "no engine here" in not_installed("unknown")


@pytest.mark.usefixtures("_points")
def test_a_policy_chooses_its_engines() -> None:
    policy = read_policy({"name": "p", "privacy": {"detect": {"engines": ["ours"]}}})
    assert policy.privacy is not None
    made = detectors_of(policy.privacy)
    assert (made.is_slow, [type(one) for one in made.engines]) == (True, [Ours])
    check_engines(policy)


@pytest.mark.usefixtures("_points")
def test_a_policy_with_an_engine_that_is_not_here_is_refused_with_its_path() -> None:
    policy = read_policy({"name": "p", "privacy": {"detect": {"engines": ["ours", "unknown"]}}})
    with pytest.raises(InvalidInput, match=r"privacy\.detect\.engines\[1\]: 'unknown' is no engine here"):
        check_engines(policy)
    assert policy.privacy is not None
    with pytest.raises(DetectorFailed, match="unknown"):
        detectors_of(policy.privacy)
