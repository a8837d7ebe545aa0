"""``result_combiner``: named inputs combined unchanged, none chosen and none merged."""

import json
from typing import Any, Literal

from connectors.tools.registry import function
from schemas.errors import StepError

Format = Literal["json", "text"]


@function("result_combiner", blocking=False)
def combine(*, format: Format = "json", **inputs: Any) -> Any:  # noqa: A002 - the guide's name
    """Combine the inputs: ``json`` (one object with a key for each), ``text`` (each under its name).

    An input that is null, such as the output of a skipped node, stays null in the object and is left out of the text.
    """
    if not inputs:
        raise StepError("bad_arguments", "result_combiner needs at least one input; name them in 'inputs'")
    if format == "json":
        return inputs
    return "\n\n".join(f"{name}:\n{_text(value)}" for name, value in inputs.items() if value is not None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
