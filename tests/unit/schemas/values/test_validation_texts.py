"""No text of the validation library reaches a user, and each problem has a fix."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import schemas.api_models
from schemas.api_models.base import Request
from schemas.values.validation_texts import TEXTS, problems_of

WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\0",
    "\ud800",
    "a b/c",
    "9" * 40,
    "x" * 2000,
    "1e999",
    [],
    [1],
    [None] * 200,
    ["x"] * 20_000,
    {},
    {"a": 1},
    {"a b": "x"},
    {f"k{n}": "v" for n in range(100)},
    b"\xff",
    object(),
)


def requests() -> Iterator[type[Request]]:
    for module in pkgutil.iter_modules(schemas.api_models.__path__):
        found = importlib.import_module(f"schemas.api_models.{module.name}")
        for _, model in inspect.getmembers(found, inspect.isclass):
            if issubclass(model, Request) and model is not Request and model.__module__ == found.__name__:
                yield model


def errors_of(model: type[BaseModel], body: Any) -> list[Any]:
    try:
        model.model_validate(body)
    except ValidationError as exc:
        return list(exc.errors())
    return []


@pytest.mark.parametrize("model", list(requests()), ids=lambda model: model.__name__)
def test_every_error_of_a_model_has_a_text_and_a_fix(model: type[Request]) -> None:
    bodies = [{name: value} for name in model.model_fields for value in WRONG] + [{"nonsense": 1}, *WRONG]
    found = [error for body in bodies for error in errors_of(model, body)]
    unknown = {error["type"] for error in found} - TEXTS.keys() - {"value_error"}
    assert unknown == set()
    for problem in problems_of(found):
        assert problem.message
        assert problem.fix
        assert "Input" not in problem.message
        assert "valid dictionary" not in problem.message
