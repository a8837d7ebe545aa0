"""Lines of redaction in runs: what passes where something fails, and what a step pays for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from bench.lines import Line
from bench.privacy.faults import TEXT, cases
from bench.prove.area import Aim, at_most, line_of
from connectors.aio.clock import WallClock
from deploy.local.engines.progress import Progress
from schemas.policies.read import read_policy
from schemas.records.steps import FunctionCall, StepRequest
from services.calls.ledger import Ledger
from services.calls.security.private import Private
from services.privacy.redact.redactor import Of
from services.privacy.redact.redactors import Redactors
from services.privacy.redact.standard import detectors_of
from services.privacy.vault.memory import memory_vault
from services.runs.attempts.private import AttemptPrivacy
from services.security.enforcement.known import KnownPolicies

ROUNDS, QUICK_ROUNDS = 300, 30
PROSE = "The customer wrote that the parcel was not there, and that nobody had answered on Monday. "

AIMS = (
    Aim("redaction_faults_that_pass", "cases", at_most(0), at_most(0)),
    Aim("step_without_section_us", "us", at_most(5), at_most(1)),
    Aim("step_clean_2kb_us", "us", at_most(400), at_most(150)),
    Aim("step_with_address_us", "us", at_most(600), at_most(250)),
)


def measure(quick: bool, _progress: Progress) -> Sequence[Line]:
    """Return the lines; without engines, in less than a minute."""
    return asyncio.run(_measured(QUICK_ROUNDS if quick else ROUNDS))


async def _measured(rounds: int) -> list[Line]:
    found = await cases()
    control = [one for one in found if one.fault == "none"]
    faulty = [one for one in found if one.fault != "none"]
    passed = [one for one in (*faulty, *control) if one.passed]
    silent = [one for one in control if one.refused]
    note = f"{len(faulty)} faults at places, {sum(one.refused for one in faulty)} refused by an error; control: "
    note += f"{len(control)} places without a fault, {len(silent)} refused"
    lines = [line_of(AIMS, "redaction_faults_that_pass", len(passed) + len(silent), note)]
    return [*lines, *await _costs(rounds)]


async def _costs(rounds: int) -> list[Line]:
    vault, clock = memory_vault(), WallClock()
    redactors = Redactors(detectors_of, vault.tokens, vault.keys)
    privacy = AttemptPrivacy(KnownPolicies(), redactors, clock)
    request = StepRequest(
        run_id="run",
        org_id="acme",
        workflow_name="flow",
        workflow_version=1,
        step_id="step",
        node_id="step",
        attempt=1,
        tier="silver",
        requested_at_ms=1,
        work=FunctionCall(name="give"),
    )
    rule = {"id": "all", "classes": ["pii"], "action": "token", "at": ["log"]}
    policy = read_policy({"name": "private", "privacy": {"redact": [rule]}})
    redactor = redactors.of(policy, policy.hash, "enforce", "flow", "step")
    assert redactor is not None
    private = Private(redactor, Of("acme", "run"), clock)
    clean = {"subject": "late parcel", "text": (PROSE * 23)[:2_000]}
    dense = {**clean, "from": TEXT}

    def at(value: object) -> Callable[[], Awaitable[object]]:
        return lambda: private.at("log", value, Ledger(), point="output")

    none = await _best(lambda: privacy.logged(request, clean, Ledger(), "answer"), rounds)
    return [
        line_of(AIMS, "step_without_section_us", none, "an output of a run without a policy"),
        line_of(AIMS, "step_clean_2kb_us", await _best(at(clean), rounds), "an output of 2 KB in two texts"),
        line_of(AIMS, "step_with_address_us", await _best(at(dense), rounds), "with an address whose token is known"),
    ]


async def _best(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    """Return the processor time of one, in microseconds: the least of five series."""
    best = float("inf")
    for _ in range(5):
        since = time.process_time()
        for _ in range(rounds):
            await work()
        best = min(best, (time.process_time() - since) / rounds * 1e6)
    return best
