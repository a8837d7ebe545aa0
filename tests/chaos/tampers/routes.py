"""What was learned of routes."""

import msgspec
from msgspec.structs import replace

from schemas.tables.routes import decode_learned, encode
from tests.chaos.evidence import Evidence
from tests.chaos.tampers.tamper import Tampered, tamper


@tamper("an outcome is learned twice")
def _learned_twice(evidence: Evidence) -> Tampered | None:
    group = next(iter(evidence.learned), None)
    if group is None:
        return None
    stored = decode_learned(evidence.learned[group].encode())
    more = encode(replace(stored, count=stored.count + 1)).decode()
    return Tampered("routes", group, replace(evidence, learned=evidence.learned | {group: more}))


@tamper("a score of an outcome is another one in the table")
def _another_score(evidence: Evidence) -> Tampered | None:
    group = next(iter(evidence.learned), None)
    if group is None:
        return None
    stored = decode_learned(evidence.learned[group].encode())
    arms = {route: replace(arm, score=arm.score + 1e-6) for route, arm in stored.arms.items()}
    other = encode(msgspec.structs.replace(stored, arms=arms)).decode()
    return Tampered("routes", group, replace(evidence, learned=evidence.learned | {group: other}))


@tamper("an answer is learned by nobody")
def _not_learned(evidence: Evidence) -> Tampered | None:
    one = next((one for one in evidence.route_events if '"outcome":"ok"' in one.value), None)
    left = [other for other in evidence.route_events if one is None or other.outcome != one.outcome]
    return one and Tampered("routes", one.outcome, replace(evidence, route_events=left))
