"""Checks of what runs wait for, and why they failed."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from agentflow.cli.doctor.facts import Facts, Finding
from agentflow.cli.units import usd

#: What to do about a run that failed, by the code of its error.
_FIXES = {
    "provider_auth": "set the provider's API key in the workers' environment, for example OPENAI_API_KEY",
    "no_credentials": "set the provider's API key in the workers' environment, or the organisation's own",
    "provider_no_credit": "pay the provider, or use another one",
    "quota_exceeded": "raise the quota: agentctl quota set",
    "memory_exceeded": "raise the tool's memory_mb, or give it less at once",
    "unknown_function": "load the function in the workers (docs/how-to/tools.md), or correct its name",
    "provider_rejected": "check the provider's API key and the model's name: agentctl workflow get <run>",
    "unknown_provider": "set the provider's API key in the workers' environment, or correct the node's provider",
    "unpriced_model": "add a price for the model (docs/reference/prices.md), or use one of agentctl price list",
    "provider_unavailable": "wait for the provider, or give the node a fallback; then agentctl workflow restart <run>",
    "provider_timeout": "raise the node's timeout, or use a faster model",
    "rate_limited": "lower the load by agentctl quota set, or raise the node's retries",
    "budget_exceeded": "raise the budget: agentctl budget update <id> --limit <usd>",
    "run_budget_exceeded": "submit the run with a higher --budget",
    "deadline_exceeded": "submit the run with a longer --deadline",
    "unknown_tool": "load the tool in the workers (docs/how-to/tools.md), or correct its name",
}
_OTHER_FIX = "read its steps: agentctl workflow get <run>; then agentctl workflow restart <run>"


def failed_runs(facts: Facts) -> Iterator[Finding]:
    """Find why runs failed, once for each workflow and kind of error."""
    kinds: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], tuple[str, str]] = {}
    for run in facts.failed:
        error = run.get("error") or {}
        kind = (str(run["workflow_name"]), str(error.get("code", "unknown")))
        kinds[kind] += 1
        newest.setdefault(kind, (str(run["id"]), str(error.get("message", ""))))
    for (workflow, code), count in kinds.most_common():
        run_id, message = newest[workflow, code]
        fix = _FIXES.get(code, _OTHER_FIX).replace("<run>", run_id)
        runs = "1 run" if count == 1 else f"{count} runs"
        yield Finding(f"{runs} of {workflow} failed with {code}: {message}", fix)


def unread_lane(facts: Facts) -> Iterator[Finding]:
    """Find steps whose topic no live worker reads."""
    lanes = {
        str(step["waiting"]["on"]): str(step["waiting"].get("detail", ""))
        for step in facts.waiting
        if step["waiting"]["kind"] == "lane" and str(step["waiting"].get("detail", "")).startswith("nobody reads")
    }
    for lane, detail in lanes.items():
        yield Finding(
            f"steps wait in {lane}: {detail}", "start a worker that takes its requests, see docs/how-to/workers.md"
        )


def budget(facts: Facts) -> Iterator[Finding]:
    """Find budgets that refuse calls."""
    for one in facts.budgets:
        if one["state"] == "exhausted":
            until = f", until {one['next_window_at']}" if one.get("next_window_at") else ""
            held = f" and {usd(one['held_usd'])} held" if Decimal(str(one.get("held_usd") or 0)) else ""
            spent = f"{usd(one['spent_usd'])} spent{held} of {usd(one['limit_usd'])}"
            yield Finding(
                f"budget {one['name']} is exhausted{until}: {spent}",
                f"raise it: agentctl budget update {one['id']} --limit <usd>",
            )


def stop(facts: Facts) -> Iterator[Finding]:
    """Find stops and pauses of calls."""
    for one in facts.stops:
        target = f" {one['target']}" if one.get("target") else ""
        yield Finding(
            f"calls of {one['scope']}{target} are under a {one['mode']}: {one['reason']}",
            f"if it is over: agentctl stop resume {one['id']}",
        )


def run_limit(facts: Facts) -> Iterator[Finding]:
    """Find that runs wait for others to end."""
    waiting = facts.limits.get("waiting")
    if waiting:
        yield Finding(
            f"{waiting} runs wait because {facts.limits.get('running')} run already",
            "raise the limits (agentctl limit set), or wait for runs to end",
        )


def schedules(facts: Facts) -> Iterator[Finding]:
    """Find schedules whose last submission was refused."""
    for one in facts.schedules:
        if one.get("problem"):
            yield Finding(
                f"schedule {one['name']} did not run at {one['problem']['slot']}: {one['problem']['message']}",
                f"correct its workflow or inputs, then agentctl schedule backfill {one['id']} --from ... --to ...",
            )
