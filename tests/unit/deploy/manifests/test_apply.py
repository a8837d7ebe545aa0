"""`make k8s-deploy`, with a program in the place of kubectl that writes down what it is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from deploy.manifests import apply, plain
from deploy.manifests.__main__ import main
from deploy.manifests.objects import called, read

FAKE = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
    kustomize) cat {folder}/control-plane.yaml {folder}/workers.yaml;;
    get) test -e {there} && echo "secret/$3";;
    create|apply) cat >> {given};;
    wait) {wait};;
esac
exit 0
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def write(*, there: bool = False, wait: str = "true") -> tuple[Path, Path]:
        log, given, mark, program = (tmp_path / name for name in ("log", "given", "there", "kubectl"))
        if there:
            mark.touch()
        program.write_text(FAKE.format(log=log, given=given, there=mark, folder=plain.FOLDER, wait=wait))
        program.chmod(0o755)
        monkeypatch.setattr(apply, "find", lambda _: program)
        return log, given

    return write


def test_everything_is_applied_in_order_with_random_secrets(kubectl, capsys) -> None:
    log, given = kubectl()
    assert main(["apply", "--image-prefix", "registry.example/a/", "--tag", "v1.0.0"]) == 0
    verbs = [" ".join(line.split()[:2]) for line in log.read_text().splitlines()]
    assert verbs == [
        "apply -f", "get secret", "create -f", "get secret", "create -f", "delete job", f"kustomize {plain.FOLDER}",
        "apply -f", "wait --for=condition=available", "wait --for=condition=available",
    ]  # fmt: skip
    text = given.read_text()
    images = set(re.findall(r"image: (\S+)", text))
    assert images == {f"registry.example/a/agentflow-{name}:v1.0.0" for name in ("control-plane", "worker")}
    keys = yaml.safe_load(plain.VALUES.read_text())["secrets"]["keys"]
    first = yaml.safe_load(text.split("\napiVersion", 1)[0])
    assert sorted(first["stringData"]) == sorted(keys)
    assert all(len(value) >= 32 for value in first["stringData"].values())
    assert not [value for value in first["stringData"].values() if value in log.read_text() + capsys.readouterr().err]


def test_secrets_that_are_there_are_kept(kubectl) -> None:
    log, _ = kubectl(there=True)
    assert main(["apply"]) == 0
    assert "create" not in log.read_text()


def test_refusal_of_kubectl_is_shown(kubectl, capsys) -> None:
    kubectl(wait="echo 'timed out waiting for the condition' >&2; exit 1")
    assert main(["apply"]) == 1
    assert "kubectl wait failed: timed out waiting" in capsys.readouterr().err


def test_without_kubectl_it_says_where_to_get_it(monkeypatch, capsys) -> None:
    monkeypatch.setattr(apply, "find", lambda _: None)
    assert main(["apply"]) == 1
    assert "kubectl is not installed" in capsys.readouterr().err


def test_prefix_without_a_slash_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["apply", "--image-prefix", "registry.example"])


def test_files_of_the_kustomization_are_there_and_hold_every_object_once() -> None:
    names = yaml.safe_load((plain.FOLDER / "kustomization.yaml").read_text())["resources"]
    assert names == list(plain.ORDER)
    objects = [called(one) for name in names for one in read((plain.FOLDER / name).read_text())]
    assert len(objects) == len(set(objects))
    assert "namespace/agentflow" in objects[0]
