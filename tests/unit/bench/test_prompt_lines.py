"""The lines of templates: every aim has one, and their checks can fail."""

from bench.prompts import hostile
from bench.prove.prompts import rendering
from schemas.templates import Template


def test_every_aim_has_a_line_and_the_checks_hold():
    rendering_lines = {line.name: line.value for line in rendering.measure(True, lambda _: None)}
    assert set(rendering_lines) == {aim.name for aim in rendering.AIMS}
    assert rendering_lines["malformed_rendered"] == 0
    assert rendering_lines["hostile_structure_changes"] == 0
    assert rendering_lines["render_p50_us"] > 0


def test_a_renderer_that_reads_values_again_is_found(monkeypatch):
    plain = Template.render

    def twice(self, values, *parts):
        text = plain(self, values, *parts)
        return text.replace("{{name}}", "Ada")

    monkeypatch.setattr(Template, "render", twice)
    assert hostile.structure_changes(200) > 0


def test_a_parser_that_takes_a_malformed_template_is_found(monkeypatch):
    monkeypatch.setattr(rendering, "malformed", lambda *_: ["{{name}}", "{{name"])
    assert rendering.malformed_rendered(2) == 1
