"""The file of targets: what it may say, where secrets are, and the errors of mistakes."""

from pathlib import Path

import pytest

from connectors.otlp.targets import Filter, Secret, Target, load_targets

WHOLE = """
targets:
  - name: collector
    endpoint: http://collector:4318/
    headers:
      Authorization: {env: OTLP_AUTHORIZATION}
      X-Key: {file: KEYFILE}
      X-Scope-OrgID: team-a
    resource: {deployment.environment.name: production}
    filter: {organisations: [acme], workflows: ["doc_*"], statuses: [error], share: 0.1}
  - name: other
    endpoint: https://collector.example.com:4317
    protocol: grpc
    compression: none
"""


def written(folder: Path, text: str) -> str:
    file = folder / "targets.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_no_file_is_no_target() -> None:
    assert load_targets("") == ()


def test_an_empty_file_is_no_target(tmp_path: Path) -> None:
    assert load_targets(written(tmp_path, "")) == ()


def test_a_file_with_everything(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("from a file\n", encoding="utf-8")
    collector, other = load_targets(written(tmp_path, WHOLE.replace("KEYFILE", str(key))))
    assert collector.endpoint == "http://collector:4318"
    assert collector.header_values({"OTLP_AUTHORIZATION": "Bearer x"}) == {
        "Authorization": "Bearer x",
        "X-Key": "from a file",
        "X-Scope-OrgID": "team-a",
    }
    assert collector.filter == Filter(
        organisations=frozenset({"acme"}), workflows=("doc_*",), statuses=frozenset({"error"}), share=0.1
    )
    assert (other.protocol, other.compression, other.batch_spans) == ("grpc", "none", 512)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("targets: [", "is not YAML"),
        ("targets: {}", "targets: Input should be a valid tuple"),
        ("- name: x", "file: "),
        ("targets: [{name: x}]", "endpoint: Field required"),
        ("targets: [{name: x, endpoint: collector}]", "is no URL such as"),
        ("targets: [{name: x, endpoint: 'ftp://x'}]", "is no URL such as"),
        ("targets: [{name: 'A B', endpoint: 'http://x'}]", "name: "),
        ("targets: [{name: x, endpoint: 'http://x', protocol: udp}]", "protocol: "),
        ("targets: [{name: x, endpoint: 'http://x', filter: {share: 2}}]", "share: "),
        ("targets: [{name: x, endpoint: 'http://x', speed: 1}]", "speed: "),
        ("targets: [{name: x, endpoint: 'http://x', headers: {'a b': c}}]", "the header 'a b' is none"),
        ("targets: [{name: x, endpoint: 'http://x', headers: {Content-Type: c}}]", "is set by the protocol"),
        ("targets: [{name: x, endpoint: 'http://x', headers: {A: {}}}]", "either env: NAME or file: PATH"),
        ("targets: [{name: x, endpoint: 'http://x'}, {name: x, endpoint: 'http://y'}]", "two targets have the name x"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ValueError, match="OTLP_TARGETS_FILE") as found:
        load_targets(written(tmp_path, text))
    assert why in str(found.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        load_targets("/nowhere/targets.yaml")


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        (Secret(env="NOWHERE"), "NOWHERE is not set"),
        (Secret(file="/nowhere"), "/nowhere cannot be read"),
        (Secret(env="ODD"), "not printable ASCII"),
    ],
)
def test_a_secret_that_is_missing_is_named_and_not_shown(secret: Secret, why: str) -> None:
    target = Target(name="x", endpoint="http://x", headers={"A": secret})
    with pytest.raises(ValueError, match=why) as found:
        target.header_values({"ODD": "se\ncret"})
    assert "cret" not in str(found.value).replace("secret", "")
