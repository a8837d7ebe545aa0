"""Why a run failed: from what failed back along what it depends on, to the step where it began.

1. The symptom: the step that ended the run, and its error. An error of a rule or of a dependency names its cause.
2. An error that comes of data is followed back to the steps whose outputs it could have read, a missed deadline to the
   steps that lost the time.
3. Each of their signs is scored: its weight, times how well it goes together with this failure among similar runs
   (Ochiai). A sign that explains another is before it.
4. The best one is the cause, where it is good enough and no other is as good; else the answer is "unknown".

What the answer rests on is in it: the sign in words, its score, the way from cause to symptom, the other candidates.
Whether the run ends well without it is for a replay to say, where the run's records are: ``streams.core.replay.flip``.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct, structs

from services.observability.cause.norms import Norms, norms_of
from services.observability.cause.observed import ObservedRun, ObservedStep
from services.observability.cause.signs import CauseKind, Sign, class_of, signs_of
from services.observability.cause.spectrum import Spectrum
from services.observability.diff.kinds import node_id_of
from services.observability.diff.recorded import ancestors

#: A cause has at least this score, and is so much better than what another node has.
LEAST_SCORE = 0.315
LEAST_MARGIN = 1.12
_HARMLESS = 0.05
_DEADLINES = frozenset({"deadline_exceeded", "signal_timeout"})


Key = tuple[str, CauseKind, str]
"""What a sign has in common with those of other runs: node, kind, value."""


class Candidate(Struct, frozen=True, kw_only=True):
    """A possible cause with its score from 0 to 1, the sign it rests on and how other runs have that sign."""

    step: str
    kind: CauseKind
    score: float
    what: str
    spectrum: Spectrum


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a run failed.

    ``verdict``: ``healthy`` for a run that did not fail, ``named`` with a ``cause``, ``unknown`` with a ``reason``.
    ``way``: the steps from the cause to the symptom, both included.
    """

    verdict: Literal["healthy", "named", "unknown"]
    error: str = ""
    symptom: str = ""
    cause: Candidate | None = None
    way: Sequence[str] = ()
    candidates: Sequence[Candidate] = ()
    reason: str = ""
    compared_with: int = 0


def explain(run: ObservedRun, peers: Sequence[ObservedRun], norms: Norms | None = None) -> Explanation:
    """Return why a run failed, beside other runs of its workflow, healthy and failed ones, in any order.

    ``norms`` are those of the healthy ones, where they are known already.
    """
    if not run.failed:
        return Explanation(verdict="healthy", compared_with=len(peers))
    return _Case(run, peers, norms or norms_of(peer for peer in peers if not peer.failed)).explanation()


def symptom_of(run: ObservedRun) -> ObservedStep | None:
    """Return the step whose failure ended a run: the last one that failed by itself. ``None`` for a missed deadline."""
    if run.error in _DEADLINES:
        return None
    failed = [step for step in run.steps if step.error and step.error != "canceled"]
    same = [step for step in failed if step.error == run.error]
    return max(same or failed, key=lambda step: step.ended_ms, default=None)


class _Case:
    """One failed run with its peers."""

    def __init__(self, run: ObservedRun, peers: Sequence[ObservedRun], norms: Norms) -> None:
        self._run = run
        self._peers = peers
        self._norms = norms
        self._symptom = symptom_of(run)
        self._above = above(run)

    def explanation(self) -> Explanation:
        ranked = self._ranked()
        best, reason = ranked[0] if ranked else None, self._doubt(ranked)
        return Explanation(
            verdict="unknown" if reason else "named",
            error=self._run.error,
            symptom=self._symptom.step if self._symptom else "",
            cause=None if reason else best,
            way=[] if reason or best is None else self._way(best.step),
            candidates=ranked[:5],
            reason=reason,
            compared_with=len(self._peers),
        )

    def _doubt(self, ranked: Sequence[Candidate]) -> str:
        """Return why nothing can be named; "" where the best candidate can."""
        if not ranked:
            return "nothing before the failure is unusual beside healthy runs"
        best = ranked[0]
        if best.score < LEAST_SCORE:
            return "no sign is strong enough to name it"
        other = next((one for one in ranked[1:] if node_id_of(one.step) != node_id_of(best.step)), None)
        if other is not None and best.score < LEAST_MARGIN * other.score and not self._before(best, other):
            return f"{best.step} and {other.step} are as likely as each other"
        return ""

    def _before(self, one: Candidate, other: Candidate) -> bool:
        """Return whether one candidate can have brought about the other."""
        return node_id_of(one.step) in self._above.get(node_id_of(other.step), frozenset())

    def _ranked(self) -> list[Candidate]:
        signs = self._relevant(signs_of(self._run, self._norms))
        similar = [peer for peer in self._peers if peer.failed and self._is_similar(peer)]
        healthy = [peer for peer in self._peers if not peer.failed]
        wanted = {sign.key for sign in signs}
        in_failed = [{sign.key for sign in signs_of(peer, self._norms)} | _keys(peer, wanted) for peer in similar]
        in_healthy = [_keys(peer, wanted) for peer in healthy]
        harmless = self._harmless_versions(signs, similar, healthy)
        found = [self._candidate(sign, in_failed, in_healthy, harmless) for sign in signs]
        return sorted(self._merged(found), key=lambda one: -one.score)

    def _is_similar(self, peer: ObservedRun) -> bool:
        other = symptom_of(peer)
        nodes = [step.node if step is not None else "" for step in (self._symptom, other)]
        return peer.error == self._run.error and nodes[0] == nodes[1]

    def _relevant(self, signs: Sequence[Sign]) -> list[Sign]:
        """Return the signs that can have led to this symptom."""
        symptom = self._symptom
        if symptom is None:
            return _lost(signs, self._run)
        if class_of(symptom.error) not in {None, "missing_input"}:
            return [sign for sign in signs if sign.step == symptom.step and sign.effect == "stop"]
        nodes = {symptom.node, *self._above.get(symptom.node, frozenset())}
        found = [sign for sign in signs if sign.effect != "time" and sign.node in nodes]
        return [sign for sign in found if sign.at_ms <= symptom.ended_ms]

    def _harmless_versions(
        self, signs: Sequence[Sign], similar: Sequence[ObservedRun], healthy: Sequence[ObservedRun]
    ) -> set[Key]:
        """Return versions that ran well for longer than a bad one would have, before the first failure.

        A version by which a share of runs fails has so many healthy runs at its beginning with a probability of
        (1 - share) to the power of their number; under ``_HARMLESS`` it is not the version that has changed.
        """
        found = set()
        for sign in signs:
            if sign.kind != "deploy":
                continue
            failed = [one for one in (self._run, *similar) if sign.key in _keys(one, {sign.key})]
            well = [one for one in healthy if sign.key in _keys(one, {sign.key})]
            first = min((one.started_ms for one in failed), default=self._run.started_ms)
            before = sum(one.started_ms < first for one in well)
            share = len(failed) / (len(failed) + len(well) + 1)
            if (1 - share) ** before < _HARMLESS:
                found.add(sign.key)
        return found

    def _candidate(
        self,
        sign: Sign,
        in_failed: Sequence[set[Key]],
        in_healthy: Sequence[set[Key]],
        harmless: set[Key],
    ) -> Candidate:
        spectrum = Spectrum(
            failed_with=1 + sum(sign.key in keys for keys in in_failed),
            failed=1 + len(in_failed),
            healthy_with=sum(sign.key in keys for keys in in_healthy),
            healthy=len(in_healthy),
        )
        direct = sign.effect == "stop" and self._symptom is not None and sign.step == self._symptom.step
        score = sign.weight * (1.0 if direct else 0.3 + 0.7 * spectrum.ochiai**2)
        score *= 0.5 if sign.key in harmless else 1.0
        return Candidate(step=sign.step, kind=sign.kind, score=score, what=sign.what, spectrum=spectrum)

    def _merged(self, found: Sequence[Candidate]) -> list[Candidate]:
        """Return one candidate a node and kind: at the child of a map, or at the node where most children have it."""
        groups: dict[tuple[str, CauseKind], list[Candidate]] = {}
        for one in found:
            groups.setdefault((node_id_of(one.step), one.kind), []).append(one)
        merged = []
        for (node, _), group in groups.items():
            best = max(group, key=lambda one: one.score)
            steps = {one.step for one in group}
            of_node = sum(step.node == node for step in self._run.steps)
            whole = len(steps) > 1 and len(steps) >= 0.5 * of_node
            step = node if whole else best.step
            merged.append(
                Candidate(step=step, kind=best.kind, score=best.score, what=best.what, spectrum=best.spectrum)
            )
        return merged

    def _way(self, cause: str) -> list[str]:
        """Return the shortest way along the nodes' needs from the cause to the symptom."""
        if self._symptom is None or node_id_of(cause) == self._symptom.node:
            return [cause] if self._symptom is None or cause == self._symptom.step else [cause, self._symptom.step]
        needs, target = self._run.needs, node_id_of(cause)
        ways: list[list[str]] = [[self._symptom.node]]
        seen = {self._symptom.node}
        for way in ways:
            for need in needs.get(way[-1], ()):
                if need == target:
                    return [cause, *reversed(way[1:]), self._symptom.step]
                if need not in seen:
                    seen.add(need)
                    ways.append([*way, need])
        return [cause, self._symptom.step]


def _keys(peer: ObservedRun, wanted: set[Key]) -> set[Key]:
    """Return which of some signs a healthy run has, by what it ran and what happened to it."""
    found: set[Key] = set()
    for step in peer.steps:
        own = peer.nodes.get(step.node, peer.hash)
        said: tuple[tuple[CauseKind, str], ...] = (
            ("deploy", step.prompt),
            ("deploy", own),
            *((("cache", step.output[:16]), ("cache", "")) if step.cached else ()),
            *(("budget" if word.startswith("stepped") else "guard", word) for word in step.policy),
        )
        found |= {(step.node, kind, value) for kind, value in said}
    found |= {(node, "missing_input", name) for node, names in peer.lacking.items() for name in names}
    return found & wanted


def _lost(signs: Sequence[Sign], run: ObservedRun) -> list[Sign]:
    """Return the signs of lost time, each by the share of the run's time that it took."""
    late = [sign for sign in signs if sign.effect == "time" or (sign.effect == "stop" and sign.lost_ms)]
    most = max((sign.lost_ms for sign in late), default=0.0)
    if most < 0.15 * run.duration_ms:
        return []
    return [structs.replace(sign, weight=sign.weight * sign.lost_ms / most) for sign in late]


def above(run: ObservedRun) -> Mapping[str, frozenset[str]]:
    """Return the nodes that each node of a run may have read from: by its definition, or else all that ended before."""
    if run.needs:
        return ancestors(run.needs)
    ends: dict[str, float] = {}
    starts: dict[str, float] = {}
    for step in run.steps:
        ends[step.node] = max(ends.get(step.node, 0.0), step.ended_ms)
        starts[step.node] = min(starts.get(step.node, step.at_ms), step.at_ms)
    return {node: frozenset(one for one in ends if ends[one] <= starts[node]) for node in starts}
