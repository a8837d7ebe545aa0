"""The lines of files of prompts: every aim has one, and their checks can fail."""

from bench.prompts import dotprompt_suites, file_trips
from bench.prove.prompts import files


def test_every_aim_has_a_line_and_holds() -> None:
    found = {line.name: line.value for line in files.measure(True, lambda _: None)}
    expected = {aim.name: 0.0 for aim in files.AIMS}
    if dotprompt_suites.folder() is None:
        del expected["dotprompt_failures"]
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
