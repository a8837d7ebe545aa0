"""Submissions through the SDK's client while the server fails."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from agentflow import Client, Retries

from bench.surface.faulty_api import FaultyApi, serving

#: Ten attempts that all meet a fault are one in ten million at a share of a fifth.
_RETRIES = Retries(most=10, first_s=0.002, longest_s=0.05)
_AT_ONCE = 8


@dataclass(frozen=True)
class Submitted:
    """How many runs the client knows and the server has, and what it took."""

    known: int
    runs: int
    requests: int
    faults: dict[str, int]


def submit_all(count: int, share: float, seed: int) -> Submitted:
    """Submit ``count`` runs, each without a key of the caller's, to a server that fails for a ``share`` of requests."""
    api = FaultyApi(share, seed)
    with serving(api) as url, Client(url, "key", retries=_RETRIES) as client, ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(lambda n: client.workflows.submit("load", {"n": n}).id, range(count))
        known = set(found)
    return Submitted(len(known & api.runs.keys()), len(api.runs), api.requests, dict(api.faults))
