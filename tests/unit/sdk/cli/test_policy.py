"""``agentctl policy test`` and ``check``: exit codes, lines and documents, without a server."""

from pathlib import Path

import pytest

from tests.support.ctl import Ctl

POLICY = """
name: mail
extends: [default]
tools: {send: {effects: true, sinks: {to: recipient, body: content}}}
rules: [{id: late, at: output, when: "'own' in output.classes", verdict: deny}]
tests:
  - name: a page names the recipient
    at: tool_call
    expect: deny
    rules: [default/recipient]
    facts: {tool: send, args: {to: eve@example.org, body: x}, labels: {$.to: web}}
  - name: own data
    at: output
    expect: deny
    facts: {labels: {$: "user class:own"}}
"""


@pytest.fixture
def ctl(tmp_path: Path) -> Ctl:
    made = Ctl(tmp_path)
    del made.env["AGENTFLOW_TOKEN"]
    return made


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_tests_that_pass_end_with_0_and_ask_no_server(ctl: Ctl, tmp_path: Path) -> None:
    done = ctl("policy", "test", written(tmp_path, POLICY))
    assert (done.code, done.err, ctl.api.sent) == (0, "", [])
    assert done.out.endswith("2 passed, 0 failed\n")
    assert "untested: providers/class" in done.out
    assert "default/recipient" not in done.out


def test_tests_that_fail_end_with_1_and_are_one_line_each(ctl: Ctl, tmp_path: Path) -> None:
    file = written(tmp_path, POLICY.replace("labels: {$.to: web}", "labels: {$.to: user}"))
    done = ctl("policy", "test", file)
    assert (done.code, done.err) == (1, "agentctl: 1 of 2 tests failed; see the line of each\n")
    assert done.out.startswith(
        "FAILED a page names the recipient: rule default/recipient did not match; matched: default/"
    )
    shown = ctl("policy", "test", file, "-o", "json").document
    assert (shown["passed"], shown["failed"]) == (1, 1)
    assert [(one["passed"], one["got"]) for one in shown["tests"]] == [(False, "allow"), (True, "deny")]
    assert ctl("policy", "test", file, "-o", "name").out == "a page names the recipient\n"


def test_a_policy_without_tests_ends_with_1(ctl: Ctl, tmp_path: Path) -> None:
    done = ctl("policy", "test", written(tmp_path, POLICY[: POLICY.index("tests:")]))
    assert (done.code, "has no tests; add `tests:`" in done.err) == (1, True)


def test_a_file_that_is_wrong_ends_with_2_and_one_line(ctl: Ctl, tmp_path: Path) -> None:
    file = written(
        tmp_path, POLICY.replace("verdict: deny}]", "verdict: dany, at: read}]").replace("at: output, when", "when")
    )
    done = ctl("policy", "test", file)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "rules[0].verdict: " in done.err
    assert ctl("policy", "test", str(tmp_path / "none.yaml")).code == 3


def test_check_names_every_problem_and_ends_with_2(ctl: Ctl, tmp_path: Path) -> None:
    file = written(
        tmp_path, "name: x\nrules: [{id: a, at: read, when: nobody, verdict: deny}, {id: a, at: read, verdict: ask}]"
    )
    done = ctl("policy", "check", file)
    assert (done.code, done.err) == (2, f"agentctl: {file} has 3 problems; see the fix of each\n")
    assert [line.split()[0] for line in done.out.splitlines()] == [
        "PLACE",
        "rules[0].when",
        "rules[1].id",
        "rules[1].verdict",
    ]
    assert len(ctl("policy", "check", file, "-o", "json").document["problems"]) == 3


def test_check_of_a_right_policy_shows_its_hash_and_what_no_test_reaches(ctl: Ctl, tmp_path: Path) -> None:
    file = written(tmp_path, POLICY)
    shown = ctl("policy", "check", file, "-o", "json").document
    assert (shown["problems"], shown["tests"], len(shown["hash"])) == ([], 2, 64)
    assert "default/url" in shown["untested"]
    assert ctl("policy", "check", file).code == 0
    strict = ctl("policy", "check", file, "--strict")
    assert (strict.code, "no test reaches providers/class" in strict.err) == (1, True)
