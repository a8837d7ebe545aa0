"""The line of the Java reader: where it cannot be compiled, the line is not measured, and that is said."""

import pytest

from bench.lines import NotThere
from bench.prove.doors import java


def test_quick_run_starts_nothing_and_says_so():
    said: list[str] = []
    assert java.measure(True, said.append) == []
    assert "not measured in a quick run" in said[0]


def test_without_java_it_is_not_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(NotThere, match="install a JDK of 17 or later"):
        java.measure(False, print)


def test_without_the_jars_it_is_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda _: "java")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: type("Done", (), {"stdout": "jdk.compiler@17"}))
    monkeypatch.setattr(java, "jar_folder", lambda: tmp_path)
    with pytest.raises(NotThere, match="no kafka-clients jar"):
        java.measure(False, print)
