"""A comparison of two runs, one of two groups, and causes, as the API answers them."""

from typing import Any

A, B = "0eecbc4e-72c4-58b6-83d2-e04ab6255896", "5b0d6fcc-06a8-5b1e-9a0c-1f1de8ad9b7a"
_NO_PARTS = dict.fromkeys(("volume", "retries", "cache", "route", "tokens", "price"), "0")


def _spent(cost: str, duration: float, waited: float = 0.0, attempts: int = 1) -> dict[str, Any]:
    return {
        "cost_usd": cost,
        "tokens": 451,
        "input_tokens": 326,
        "output_tokens": 125,
        "calls": 1,
        "attempts": attempts,
        "errors": 0,
        "duration": duration,
        "waited": waited,
    }


def _step(step: str, depth: int, verdict: str | None, a: Any, b: Any, **more: Any) -> dict[str, Any]:
    said = {"step": step, "type": "step", "depth": depth, "verdict": verdict, "a": a, "b": b}
    return said | {"output_a": None, "output_b": None} | more


def _run(run_id: str, status: str, duration: float, cost: str, version: int) -> dict[str, Any]:
    workflow = {"workflow": "document_analysis", "workflow_version": version}
    return {"id": run_id, **workflow, "status": status, "duration": duration, "cost_usd": cost, "tokens": 451}


def _cause(step: str, kind: str, effect: str, *evidence: tuple[str, str, str]) -> dict[str, Any]:
    told = [{"kind": kind, "what": what, "a": a, "b": b} for what, a, b in evidence]
    return {"step": step, "kind": kind, "effect": effect, "after_s": 0.5, "evidence": told}


_PROMPT = _cause("analyze[1]", "prompt", "output", ("version of the prompt", "analysis@3", "analysis@4"))
_CACHE = _cause("split", "cache", "decision", ("earlier answer that stood in", "", "exact"))
COST = {
    "a_usd": "0.002",
    "b_usd": "0.0035",
    "difference_usd": "0.0015",
    **_NO_PARTS,
    "tokens": "0.001",
    "price": "0.0006",
    "cache": "-0.0001",
}
_NODE_COST = {**COST, "node": "analyze"}
RUNS = {
    "runs": {
        "a": _run(A, "succeeded", 4.2, "0.002", 3),
        "b": _run(B, "failed", 9.75, "0.0035", 4),
        "equal": False,
        "first": _PROMPT,
        "causes": [_CACHE, _PROMPT],
        "consequences": ["merge", "notify"],
        "steps": [
            _step("", 0, None, _spent("0.002", 4.2), _spent("0.0035", 9.75)),
            _step("split", 1, "cause", _spent("0", 0.2), _spent("0", 0.002)),
            _step("analyze", 1, None, _spent("0.002", 3.5), _spent("0.0035", 9.0)),
            _step(
                "analyze[1]",
                2,
                "cause",
                _spent("0.001", 3.5),
                _spent("0.0025", 9.0, 4.25, 2),
                output_a={"kind": "inline", "value": {"risk": "low"}},
                output_b={"kind": "inline", "value": {"risk": "high"}},
            ),
            _step("merge", 1, "consequence", _spent("0", 0.3), None),
        ],
    },
    "groups": None,
    "cost": {**COST, "nodes": [_NODE_COST]},
}
_FEW = {"low": None, "high": None, "differs": False}
GROUPS = {
    "runs": None,
    "groups": {
        "runs_a": 120,
        "runs_b": 80,
        "differences": [
            {
                "node": "",
                "measure": "cost_nano",
                "a": 2_000_000.0,
                "b": 3_500_000.0,
                "difference": 1_500_000.0,
                "low": 1_400_000.0,
                "high": 1_600_000.0,
                "differs": True,
            },
            {"node": "merge", "measure": "tokens", "a": 1.0, "b": 1.5, "difference": 0.5, **_FEW},
            {
                "node": "analyze",
                "measure": "failed",
                "a": 0.01,
                "b": 0.2,
                "difference": 0.19,
                "low": 0.1,
                "high": 0.3,
                "differs": True,
            },
        ],
        "usages": [{"node": "analyze", "what": "prompt", "value": "analysis@4", "a": 0, "b": 80}],
    },
    "cost": {**COST, "nodes": []},
}
_SPECTRUM = {
    "failed_with": 9,
    "failed": 10,
    "healthy_with": 1,
    "healthy": 60,
    "ochiai": 0.9,
    "tarantula": 0.98,
}
_NAMED = {
    "step": "analyze[1]",
    "kind": "deploy",
    "score": 0.77,
    "what": "it ran analysis@4, and its answer has 856 tokens, 186 are usual",
    "spectrum": _SPECTRUM,
}
CAUSE: dict[str, Any] = {
    "run_id": A,
    "workflow": "document_analysis",
    "status": "failed",
    "verdict": "named",
    "error": "exception",
    "symptom": "merge",
    "cause": _NAMED,
    "way": ["analyze[1]", "combine", "merge"],
    "candidates": [_NAMED],
    "reason": None,
    "compared_with": 70,
    "cost": {**COST, "nodes": [_NODE_COST], "usual_run": B},
}
UNKNOWN = {
    **CAUSE,
    "verdict": "unknown",
    "cause": None,
    "way": [],
    "reason": "no sign is strong enough to name it",
    "cost": None,
}
HEALTHY = {**UNKNOWN, "verdict": "healthy", "status": "succeeded", "error": None, "candidates": [], "reason": None}
CAUSES = {
    "failed": 10,
    "healthy": 60,
    "symptoms": [{"node": "merge", "what": "exception", "spectrum": {**_SPECTRUM, "failed_with": 10}}],
    "causes": [{"node": "analyze", "kind": "deploy", "runs": [A, B]}],
    "things": [{"node": "analyze", "what": "prompt analysis@4", "spectrum": _SPECTRUM}],
    "explained": 10,
    "unexplained": 1,
}
