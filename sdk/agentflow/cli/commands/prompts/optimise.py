"""``agentctl prompt optimise``: searches for a better version of a prompt within a budget, and deploys nothing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import click

from agentflow import prompt_rules as rules
from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.commands.prompts.files import version_of
from agentflow.cli.commands.prompts.optimise_world import ApiWorld, Asked
from agentflow.cli.commands.prompts.scorers import scorers_of
from agentflow.cli.errors import BUDGET, NOT_FOUND, USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import dollars, usd
from agentflow.optimising.cases import Case, Parts, case_of, parted
from agentflow.optimising.search import Candidate, OutOfBudget, Plan, Refused, Result, Search

DATASETS = "/api/v1/datasets"
#: Of each part: from fewer cases nothing is learned.
_LEAST_CASES = 4


def _figure(value: Any) -> str:
    return "" if value is None else f"{value:.3f}"


_ROWS = (
    Column("CANDIDATE", "number", right=True),
    Column("KIND", "kind"),
    Column("SHOWN", "shown.score", _figure, right=True),
    Column("HELD OUT", "held_out.score", _figure, right=True),
    Column("COST/ANSWER", "held_out.answer_usd", lambda value: "" if value is None else usd(value), right=True),
    Column("FRONT", "on_front", lambda value: "*" if value else ""),
    Column("WHY", "why"),
    Column("TRIAL", "trial", wide=True),
)


@make(
    None,
    "optimise",
    changes=True,
    example="agentctl prompt optimise greeter --dataset greetings --budget 2.00 --scorer exact",
)
@click.argument("name")
@click.option("--version", metavar="VERSION", help="The version, or label, that is improved; the newest by default.")
@click.option("--dataset", metavar="NAME[@VERSION]", help="The cases; the dataset with the prompt's name by default.")
@click.option("--budget", metavar="USD", required=True, help="The most that all of it may cost, in US dollars.")
@click.option("--scorer", "scorers", multiple=True, metavar="KIND[:TEXT]", help="exact, contains:TEXT; JSON, or @file.")
@click.option("--quality", type=OneOf(("gold", "silver", "bronze")), help="The quality; silver by default.")
@click.option("--provider", metavar="NAME", help="With --model: what answers.")
@click.option("--model", metavar="NAME", help="The model that answers; that of the version or quality by default.")
@click.option("--rewriter", metavar="PROVIDER/MODEL", help="The model that rewrites; that of silver by default.")
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="Rounds of proposals.")
@click.option("--rewrites", type=click.IntRange(0, 10), default=3, show_default=True, help="Rewrites in a round.")
@click.option("--examples", type=click.IntRange(0, 20), default=4, show_default=True, help="Examples in a proposal.")
@click.option("--held-out", type=click.FloatRange(0.1, 0.9), default=0.5, show_default=True, help="Share that judges.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which cases are held out.")
@click.option("--project", metavar="ID", help="The project that it spends for.")
def optimise(
    session: Session,
    name: str,
    *,
    version: str | None,
    dataset: str | None,
    budget: str,
    scorers: Sequence[str],
    rewriter: str | None,
    rounds: int,
    rewrites: int,
    examples: int,
    held_out: float,
    seed: int,
    **given: Any,
) -> None:
    """Search for a better version of the prompt NAME, and make it the next version if there is one.

    A model rewrites the instructions, and cases become examples. Proposals see one part of the dataset; the other part
    judges them at the end. No label is moved: deploy the version yourself. The same command again pays nothing twice.
    """
    most = Decimal(dollars(budget))
    if most <= 0:
        raise CliError("--budget is 0", "give what it may cost, such as 2.00", USAGE)
    base = version_of(session, name, version or "")
    if base is None:
        raise CliError(f"there is no prompt {name}", "agentctl prompt list shows what there is", NOT_FOUND)
    pinned, cases = _cases(session, dataset or name)
    parts = parted(cases, held_out, seed)
    _check(parts, pinned)
    evaluation = {"scorers": scorers_of(scorers or ("exact",)), **{key: one for key, one in given.items() if one}}
    plan = Plan(most, rounds, rewrites, 1 if examples else 0, examples)
    if session.given.get("dry-run"):
        _show_plan(session, base, pinned, parts, plan)
        return
    asked = Asked(
        trial=f"{name}.candidates",
        dataset=pinned,
        evaluation=evaluation,
        rewriter=_rewriter(rewriter),
        key=_key(base["hash"], pinned, evaluation, rewriter, repr(plan), held_out, seed),
    )
    world = ApiWorld(session, asked)
    search = Search(world, parts, plan)
    try:
        winner = search.run(_body(base))
    except OutOfBudget as exc:
        raise CliError(
            f"the budget of {most:f} USD does not pay for it: {exc}", "give a larger --budget", BUDGET
        ) from exc
    except Refused as exc:
        raise CliError(f"{name} cannot be tried: {exc}", "see the problem of the prompt", USAGE) from exc
    made = None if winner is None else _made(world, base, winner, search, pinned)
    _show(session, search, winner, made, world)


def _cases(session: Session, dataset: str) -> tuple[str, list[Case]]:
    """Return the dataset as ``name@version``, and its cases."""
    name, _, version = dataset.partition("@")
    if version and not version.isdigit():
        raise CliError(f"{dataset} has no version", "write NAME or NAME@2", USAGE)
    found = session.get(at(DATASETS, name), version=version or None)
    cases: list[Case] = []
    cursor = None
    while True:
        page = session.get(at(DATASETS, name, "rows"), version=found["version"], cursor=cursor)
        cases += map(case_of, page["cases"])
        cursor = page.get("next_cursor")
        if cursor is None:
            return f"{name}@{found['version']}", cases


def _check(parts: Parts, dataset: str) -> None:
    fewest = min(len(parts.shown), len(parts.held_out))
    if fewest < _LEAST_CASES:
        what = f"{dataset} gives {len(parts.shown)} cases to learn from and {len(parts.held_out)} that judge"
        raise CliError(what, f"give it more cases: each part needs {_LEAST_CASES}", USAGE)


def _rewriter(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    provider, _, model = text.partition("/")
    if not provider or not model:
        raise CliError(f"{text!r} is no model", "write --rewriter PROVIDER/MODEL", USAGE)
    return {"provider": provider, "model": model}


def _key(*what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()


def _body(base: Mapping[str, Any]) -> dict[str, Any]:
    prompt = rules.prompt_of(base)
    found: dict[str, Any] = prompt.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return found


def _made(world: ApiWorld, base: Mapping[str, Any], winner: Candidate, search: Search, dataset: str) -> dict[str, Any]:
    """Make the winner the next version of the prompt, with its lineage as the message."""
    judged, before = winner.held_out, search.itself.held_out
    lineage = (
        f"optimised from version {base['version']}: {winner.kind}, candidate {winner.number} "
        f"({base['name']}.candidates@{winner.version}); {_scores(judged, before)}"
        f"{_bounds(judged)}, on {len(search.parts.held_out)} held-out cases of {dataset}"
    )
    body = {**winner.body, "name": base["name"], "parent": base["version"], "message": lineage[:2_000]}
    return world.stored(body)


def _scores(judged: Result | None, before: Result | None) -> str:
    after = _figure(None if judged is None else judged.score)
    return f"score {after} against {_figure(None if before is None else before.score)}"


def _bounds(judged: Result | None) -> str:
    found = None if judged is None else judged.comparison
    if not found:
        return ""
    low, high = found.get("low"), found.get("high")
    bounds = "" if low is None or high is None else f", 95%: {low:+.3f} to {high:+.3f}"
    return f" ({found['verdict']}{bounds})"


def _show_plan(session: Session, base: Mapping[str, Any], dataset: str, parts: Parts, plan: Plan) -> None:
    session.note("dry run: nothing was sent")
    session.one(
        {
            "prompt": f"{base['name']}@{base['version']}",
            "dataset": dataset,
            "shown_cases": len(parts.shown),
            "held_out_cases": len(parts.held_out),
            "budget_usd": format(plan.budget_usd, "f"),
            "rounds": plan.rounds,
        },
        (
            Column("PROMPT", "prompt"),
            Column("DATASET", "dataset"),
            Column("SHOWN", "shown_cases"),
            Column("HELD OUT", "held_out_cases"),
            Column("BUDGET", "budget_usd", usd),
            Column("ROUNDS", "rounds"),
        ),
        "prompt",
    )


def _show(
    session: Session, search: Search, winner: Candidate | None, made: Mapping[str, Any] | None, world: ApiWorld
) -> None:
    rows = [_row(one, world.asked) for one in search.candidates]
    document = {
        "candidates": rows,
        "dropped": search.dropped,
        "spent_usd": format(search.spent_usd, "f"),
        "budget_usd": format(search.plan.budget_usd, "f"),
        "version": None if made is None else made["version"],
        "winner": None if winner is None else winner.number,
        "held_out": [case.id for case in search.parts.held_out],
        "runs": world.runs,
    }
    session.rows(document, rows, _ROWS, "number")
    for line in dict.fromkeys(search.dropped):
        session.note(f"dropped: {line}")
    session.note(f"spent {usd(document['spent_usd'])} of {usd(document['budget_usd'])}")
    if made is None or winner is None:
        session.note("no candidate is better on the held-out cases; nothing was made")
        return
    session.note(
        f"made version {made['version']} of {made['name']}: {_scores(winner.held_out, search.itself.held_out)}"
        f"{_bounds(winner.held_out)}; deploy it by `agentctl prompt deploy {made['name']} {made['version']}`"
    )


def _row(one: Candidate, asked: Asked) -> dict[str, Any]:
    return {
        "number": one.number,
        "kind": one.kind,
        "why": one.why,
        "trial": f"{asked.trial}@{one.version}",
        "shown": _result(one.shown),
        "held_out": _result(one.held_out),
        "on_front": one.on_front,
    }


def _result(found: Result | None) -> dict[str, Any] | None:
    if found is None:
        return None
    answer_usd = format(found.answer_usd.quantize(Decimal("0.000000001")), "f")
    return {
        "evaluation": found.id,
        "score": found.score,
        "answer_usd": answer_usd,
        "cost_usd": format(found.cost_usd, "f"),
    }


command = optimise
