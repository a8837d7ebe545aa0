"""The lines of files of prompts: every aim has one, and their checks can fail."""

from bench.prompts import dotprompt_suites, file_trips, mustache_suites
from bench.prove.prompts import files


def test_every_aim_has_a_line_and_holds() -> None:
    found = {line.name: line.value for line in files.measure(True, lambda _: None)}
    expected = {aim.name: 0.0 for aim in files.AIMS}
    for kind, suites in (("dotprompt", dotprompt_suites), ("mustache", mustache_suites)):
        if suites.folder() is None:
            del expected[f"{kind}_failures"]
    assert found == expected


def test_a_writer_that_loses_a_space_is_found(monkeypatch) -> None:
    plain = file_trips.write_prompt
    monkeypatch.setattr(file_trips, "write_prompt", lambda prompt: plain(prompt).replace("  ", " "))
    assert file_trips.changed(200) > 0


def test_a_suite_that_fails_is_counted(tmp_path) -> None:
    case = "- name: a\n  template: 'Hi {{name}}'\n  tests:\n  - desc: b\n    expect: {messages: []}\n"
    (tmp_path / "variables.yaml").write_text(case, encoding="utf-8")
    [(name, fault)] = dotprompt_suites.outcomes(tmp_path, "variables")
    assert (name, fault.startswith("messages are")) == ("a: b", True)


def test_a_mustache_suite_that_fails_is_counted(tmp_path) -> None:
    right = "{name: right, template: 'Hi {{name}}', data: {name: Ada}, expected: 'Hi Ada'}"
    wrong = "{name: wrong, template: 'Hi {{name}}', data: {name: Ada}, expected: 'Ada'}"
    (tmp_path / "sections.yml").write_text(f"tests:\n- {right}\n- {wrong}\n", encoding="utf-8")
    found = dict(mustache_suites.outcomes(tmp_path, "sections"))
    assert (found["right"], found["wrong"]) == ("", "text is 'Hi Ada', not 'Ada'")
