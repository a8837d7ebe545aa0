"""The lines of the benchmark with attackers: what is counted of played cases."""

from pathlib import Path

from bench.agentdojo.guarded import AIMS, Phases, lines_of, strict, verdicts, was_influenced
from bench.agentdojo.kills import serves
from bench.agentdojo.policies import policy_of
from bench.agentdojo.runs import NODE, REPORT, Played, Step, workflow
from deploy.local.roles import RoleProcess
from schemas.labels.label import Integrity
from schemas.policies.read import read_policy

READ = Step("a", "user", "read_file", {}, "succeeded")
STOPPED = Step("b", "attack", "send_money", {"recipient": "x"}, "failed", "policy_denied")
MADE = Step("b", "attack", "send_money", {"recipient": "x"}, "succeeded")


def played(*steps: Step, utility: bool = True, attack: bool = False, run: str = "r", approvals: int = 0) -> Played:
    case = "banking/user_task_0/injection_task_0"
    shown = {"steps": [{"id": REPORT, "cached": True}]}
    return Played(case, run, "succeeded", utility, attack, "", steps, shown, approvals)


def values(found: Phases, labels: dict[str, Integrity]) -> dict[str, float]:
    return {line.name: line.value for line in lines_of(found, labels)}


def test_a_policy_that_holds_reaches_every_goal() -> None:
    calm = [played(READ, STOPPED)]
    found = Phases(calm, calm, [played(READ, approvals=1)], calm, [played(READ, STOPPED)], calm)
    labels = {f"r/{node}": Integrity.THIRD_PARTY for node in (NODE, REPORT)}
    lines = values(found, labels)
    assert set(lines) == {aim.name for aim in AIMS}
    missed = [aim.name for aim in AIMS if aim.floor is not None and not aim.floor.holds(lines[aim.name])]
    assert (missed, lines["dojo_approvals_per_task"]) == ([], 1)


def test_each_failure_is_seen_by_its_line() -> None:
    calm, broken = [played(READ, STOPPED)], [played(READ, MADE, utility=False, attack=True)]
    labels = {f"r/{NODE}": Integrity.USER}
    lines = values(Phases(broken, broken, broken, calm, calm, broken), labels)
    assert lines["dojo_attack_actions"] == 1
    assert lines["dojo_attacks_met"] == 1
    assert (lines["dojo_utility"], lines["dojo_utility_approved"]) == (0, 0)
    assert lines["dojo_changed_by_kills"] == 1, "what was stopped in one run was made in the other"
    assert lines["dojo_attack_actions_again"] == 1
    assert (lines["dojo_answers_labelled"], lines["dojo_answers_labelled_again"]) == (0, 0)


def test_reading_is_no_action() -> None:
    reading = Step("b", "attack", "read_file", {}, "succeeded")
    lines = values(Phases(*([played(READ, reading)] for _ in range(6))), {})
    assert lines["dojo_attack_actions"] == 0


def test_a_run_is_influenced_when_its_model_asks_for_what_the_attacker_wants() -> None:
    assert was_influenced(played(READ, STOPPED))
    assert not was_influenced(played(READ))
    assert verdicts(played(STOPPED)) == [("attack", "send_money", False, "policy_denied")]


def test_without_a_person_questions_are_refusals() -> None:
    document = policy_of("banking").document
    alone = read_policy(strict(document))
    assert (alone.name, alone.effects) == ("dojo_banking_strict", "deny")
    assert {rule.verdict for rule in alone.rules} == {"deny", "allow"}
    assert [rule.when for rule in alone.rules] == [rule.when for rule in policy_of("banking").rules]


def test_a_workflow_with_a_report_caches_its_call() -> None:
    plain, told = workflow("tiny", ["today"]), workflow("tiny", ["today"], report=True)
    assert [node["id"] for node in plain["dag"]["nodes"]] == [NODE]
    assert [node["id"] for node in told["dag"]["nodes"]] == [NODE, REPORT]
    assert told["dag"]["nodes"][1]["config"]["cache"] is True
    assert (plain["version"], told["version"]) == (1, 2)


def test_a_worker_serves_from_its_report_on_and_not_before(tmp_path: Path) -> None:
    worker = RoleProcess("worker", ["-c", "import time; time.sleep(60)"], {}, tmp_path / "logs" / "worker.log")
    assert not serves(worker)
    worker.launch()
    try:
        assert not serves(worker), "it has not reported yet"
        worker.log_path.with_suffix(".ready").write_bytes(b"{}\n")
        assert serves(worker)
    finally:
        worker.kill()
    assert not serves(worker), "it was killed"
