"""The local models answer in JSON when a prompt shows an object's shape: chosen by cues, filled with sentences."""

import json

import pytest

from connectors.providers.local import model as local_model
from connectors.providers.local.json_answers import choose, shape_of

TEXT = "The harbour was full of boats. Every boat carried salt. The salt came from the south in winter."
TYPES = '{"type": "text" | "image", "key": <the name>, "summary": <what it says>}'


def asked(shape: str, material: str, model: str = "local-silver", most: int = 1024) -> object:
    prompt = f"Classify this. Answer with one JSON object and nothing else: {shape}\n\n{material}"
    return json.loads(local_model.answer(model, prompt, most).text)


@pytest.mark.parametrize("model", ["local-gold", "local-silver", "local-bronze"])
def test_every_model_chooses_alike_and_fills_in_its_own_way(model):
    answer = asked(TYPES, f"Document notes/harbour.txt\n\n{TEXT}", model)
    assert isinstance(answer, dict)
    assert (answer["type"], answer["key"]) == ("text", "notes/harbour.txt")
    assert answer["summary"]
    assert all(sentence in TEXT for sentence in answer["summary"].removesuffix(".").split(". "))


def test_an_image_is_told_by_its_name():
    assert asked(TYPES, "Document prism.png") == {"type": "image", "key": "prism.png", "summary": "Document prism.png"}
    assert asked('{"type": "text" | "image", "key": <its name>}', TEXT) == {"type": "text", "key": None}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The keeper wrote down every ship that passed, and he did it for years.", "en"),
        ("El farero apuntaba todos los barcos que pasaban por la costa de su isla.", "es"),
        ("Le gardien notait tous les navires qui passaient dans la baie pour des amis.", "fr"),
        ("Der Wärter schrieb jedes Schiff auf, und das ist nicht wenig.", "de"),
        ("Il guardiano annotava le navi che passavano nel golfo, una per una.", "it"),
        ("O faroleiro anotava os navios que passavam, um a um, para uma lista.", "pt"),
    ],
)
def test_languages(text, language):
    assert asked('{"language": "en" | "es" | "fr" | "de" | "it" | "pt"}', text) == {"language": language}


def test_among_equals_the_first_option_wins():
    assert choose(("b", "a"), "nothing of either") == "b"
    assert asked('{"verdict": "allow" | "review" | "block"}', TEXT) == {"verdict": "allow"}
    assert asked('{"verdict": "allow" | "review" | "block"}', "You liar!") == {"verdict": "review"}


def test_the_object_is_whole_however_few_tokens_there_are():
    long = asked('{"summary": <it>}', TEXT * 20)
    short = asked('{"summary": <it>}', TEXT * 20, most=20)
    assert isinstance(long, dict)
    assert isinstance(short, dict)
    assert len(short["summary"]) < len(long["summary"])


@pytest.mark.parametrize(
    "prompt",
    [
        "Analyze this document: {}",
        'Analyze this: {"type": "text"}',
        'Analyze this: {"a": 1 | 2}',
        "x" * 2_000 + TYPES,
    ],
)
def test_no_shape(prompt):
    assert shape_of(prompt) is None
    assert not local_model.answer("local-bronze", prompt, 1024).text.startswith("{")
