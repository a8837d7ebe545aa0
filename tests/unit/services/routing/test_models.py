import json
from pathlib import Path

import pytest
from genai_prices.data_snapshot import get_snapshot

from schemas.spec.policy import TIERS
from services.routing.models import Models
from services.routing.scoring import LEAST_QUALITY


def write(path: Path, **content: object) -> str:
    path.write_text(json.dumps({"version": "ours-1", **content}))
    return str(path)


def test_every_shipped_quality_cites_its_source_and_no_url() -> None:
    models = Models.load().all
    assert len(models) > 15
    assert [one.route for one in models if len(one.source) < 20 or "://" in one.source] == []
    assert [one.route for one in models if round(one.quality, 2) != one.quality] == []


@pytest.mark.parametrize("tier", TIERS)
def test_local_provider_alone_serves_every_tier(tier: str) -> None:
    local = [one for one in Models.load().all if one.provider == "local"]
    assert [one for one in local if one.quality >= LEAST_QUALITY[tier]]  # type: ignore[index]


def test_context_lengths_are_those_of_the_price_list() -> None:
    def listed(provider: str, model: str) -> int | None:
        return get_snapshot().find_provider_model(model, None, provider, None)[1].context_window

    known = [(one, listed(one.provider, one.model)) for one in Models.load().all if one.provider != "local"]
    assert [
        (one.route, one.context_tokens, tokens) for one, tokens in known if tokens not in {None, one.context_tokens}
    ] == []


def test_own_file_replaces_a_quality_and_adds_a_model(tmp_path: Path) -> None:
    row = {"source": "our evaluation", "context_tokens": 1000, "latency_ms": 10}
    file = write(
        tmp_path / "routes.json",
        models=[
            {"provider": "openai", "model": "gpt-4o", "quality": 0.9, **row},
            {"provider": "mine", "model": "m", "quality": 0.5, **row},
        ],
        organisations={"acme": ["openai/*"]},
    )
    shipped, models = Models.load(), Models.load(file)
    assert len(models.all) == len(shipped.all) + 1
    assert {one.route: one.quality for one in models.all}["openai/gpt-4o"] == 0.9
    assert models.version == shipped.version + "+ours-1"
    assert (models.allowed("acme"), models.allowed("other")) == (("openai/*",), ())


def test_bad_file_is_refused_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"wrong at models\.0\.quality.*ROUTES_FILE"):
        Models.load(write(tmp_path / "bad.json", models=[{"provider": "a", "model": "b", "quality": 2}]))
    with pytest.raises(ValueError, match=r"cannot be read.*ROUTES_FILE"):
        Models.load(str(tmp_path / "none.json"))
