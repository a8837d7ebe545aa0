"""Texts that look like references or templates and are none: which ones, and the nearest right form."""

import pytest

from schemas.values.lookalikes import bad_braces, literal, lookalikes

NODES = {"a", "b-c"}


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("{{größe}}", "{{grosse}}"),
        ("say {{my var}}", "{{my_var}}"),
        ("{{ x | upper }}", "{{x}}"),
        ("{{}}", "{{name}}"),
        ("{{items[0].name}}", "{{items.0.name}}"),
        ("{{2nd}}", "{{_2nd}}"),
        ("{{inputs.x}}", "{{x}}"),
        ("it is {{ a.output.text }}", "the whole value a.output.text (no braces)"),
        ("it is {{ a.outputs.text }}", "the whole value a.output.text (no braces)"),
        ("${a.output}", "a.output"),
        ("before ${ a.output.x } after", "a.output.x"),
        ("${inputs.x.y}", "{{x.y}}"),
        ("a.outputs", "a.output as the whole value"),
        ("b-c.ouput.x", "b-c.output.x as the whole value"),
        ("a.Output", "a.output as the whole value"),
        ("$a.output", "a.output as the whole value"),
        ("$.a.output.x[1]", "a.output.x[1] as the whole value"),
        ("steps.a.output", "a.output as the whole value"),
        ("{a.output}", "a.output as the whole value"),
        ("a.output[0", "a.output[0] as the whole value"),
        ("a.output['x']", "a.output.x as the whole value"),
        ('a["output"]["x"]', "a.output.x as the whole value"),
        ("a.output[-1]", "a.output as the whole value"),
        ("a.output.", "a.output as the whole value"),
        ("a.output()", "a.output as the whole value"),
        ("a.output.a + 1", "a.output.a as the whole value"),
        ("a.output.n - 1", "a.output.n as the whole value"),
        ("a.output.n == 3", "a.output.n as the whole value"),
        ("a.output | upper", "a.output as the whole value"),
        ("a.output\n", "a.output as the whole value"),
        ("inputs.x", "{{x}}"),
        ("$inputs.x", "{{x}}"),
    ],
)
def test_a_lookalike_has_its_nearest_right_form(text: str, nearest: str) -> None:
    assert [found.nearest for found in lookalikes(text, NODES)] == [nearest]


@pytest.mark.parametrize(
    "text",
    [
        "a.output",
        "a.output.x[0]",
        "{{x}} and {{ .x }} and {{ x.0.y-z }}",
        "see e.g. a.output of x",
        "a.output of x is good",
        "a.output. Then we went home",
        "a.output - the best of all",
        "a.output (see below)",
        "nothing.outputs",
        "https://a.output.example.com/x",
        "Bearer ${ENV:SHOP_TOKEN}",
        "${HOME}/data",
        "echo ${a}",
        "my inputs.x are good",
        "costs $5, {x}, [y] and { z }",
        "${{amount}}",
        "{{{x}}}",
        "",
    ],
)
def test_other_texts_stay_texts(text: str) -> None:
    assert list(lookalikes(text, NODES)) == []


def test_a_prompt_may_mention_outputs_but_has_no_bad_braces() -> None:
    assert list(bad_braces("Write a.outputs and ${a.output} with {{word}}")) == []
    assert [found.part for found in bad_braces("{{word}} {{my word}} {{größe}}")] == ["{{my word}}", "{{größe}}"]


def test_a_literal_is_written_as_json() -> None:
    assert literal('say "a.output"') == '{literal: "say \\"a.output\\""}'
    assert literal("x" * 100) == '{literal: "..."}'
