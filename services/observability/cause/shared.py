"""What failed runs have in common that healthy ones have not: their symptoms, their causes, what they ran and met."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from services.observability.cause.explain import Explanation, explain, symptom_of
from services.observability.cause.norms import Norms, norms_of
from services.observability.cause.observed import ObservedRun
from services.observability.cause.signs import CauseKind, signs_of
from services.observability.cause.spectrum import Spectrum
from services.observability.diff.kinds import node_id_of

#: Failed runs that are explained one by one; more say the same again.
MAX_EXPLAINED = 50
MAX_SHOWN = 20


class SharedThing(Struct, frozen=True, kw_only=True):
    """Something that failed runs share: what it is, at which node ("" for the whole run), and how the runs have it."""

    node: str
    what: str
    spectrum: Spectrum


class SharedCause(Struct, frozen=True, kw_only=True):
    """A cause that was named for some of the failed runs, and for which: by node and kind."""

    node: str
    kind: CauseKind
    runs: Sequence[str]


class Shared(Struct, frozen=True, kw_only=True):
    """What the failed ones of some runs share. Of ``explained`` ones, ``unexplained`` have no named cause."""

    failed: int
    healthy: int
    symptoms: Sequence[SharedThing]
    things: Sequence[SharedThing]
    causes: Sequence[SharedCause]
    explained: int
    unexplained: int


def shared(runs: Sequence[ObservedRun], tags: Mapping[str, Mapping[str, str]] | None = None) -> Shared:
    """Return what the failed runs of one workflow share; ``tags`` are those of each run by its id."""
    failed = [run for run in runs if run.failed]
    healthy = [run for run in runs if not run.failed]
    norms = norms_of(healthy)
    symptoms = Counter(_symptom(run) for run in failed)
    explanations = {
        run.run_id: explain(run, [one for one in runs if one is not run], norms) for run in failed[:MAX_EXPLAINED]
    }
    causes = _causes(explanations)
    return Shared(
        failed=len(failed),
        healthy=len(healthy),
        symptoms=[
            SharedThing(
                node=node,
                what=error,
                spectrum=Spectrum(failed_with=count, failed=len(failed), healthy_with=0, healthy=len(healthy)),
            )
            for (node, error), count in symptoms.most_common(MAX_SHOWN)
        ],
        things=_things(failed, healthy, norms, tags or {}),
        causes=causes,
        explained=len(explanations),
        unexplained=sum(one.cause is None for one in explanations.values()),
    )


def _symptom(run: ObservedRun) -> tuple[str, str]:
    step = symptom_of(run)
    return ("", run.error) if step is None else (step.node, step.error)


def _causes(explanations: Mapping[str, Explanation]) -> list[SharedCause]:
    groups: dict[tuple[str, CauseKind], list[str]] = {}
    for run_id, one in explanations.items():
        if one.cause is not None:
            groups.setdefault((node_id_of(one.cause.step), one.cause.kind), []).append(run_id)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [SharedCause(node=node, kind=kind, runs=ids) for (node, kind), ids in ordered]


def _things(
    failed: Sequence[ObservedRun],
    healthy: Sequence[ObservedRun],
    norms: Norms,
    tags: Mapping[str, Mapping[str, str]],
) -> list[SharedThing]:
    """Return what runs ran and met, best by Ochiai, and of equal ones that which tells them apart best."""

    def of(run: ObservedRun) -> set[tuple[str, str]]:
        found = {(sign.node, _unusual(sign.kind, sign.value)) for sign in signs_of(run, norms) if sign.kind != "deploy"}
        return found | set(_said(run, tags.get(run.run_id, {})))

    with_failed = Counter(thing for run in failed for thing in of(run))
    with_healthy = Counter(thing for run in healthy for thing in of(run))
    found = [
        SharedThing(
            node=node,
            what=what,
            spectrum=Spectrum(
                failed_with=count,
                failed=len(failed),
                healthy_with=with_healthy[node, what],
                healthy=len(healthy),
            ),
        )
        for (node, what), count in with_failed.items()
    ]
    # What most healthy runs have as well says nothing about failure, however many failed runs have it.
    telling = [one for one in found if one.spectrum.tarantula > 0.6 or not healthy]
    telling.sort(key=lambda one: (-one.spectrum.ochiai, -one.spectrum.tarantula, one.node, one.what))
    return telling[:MAX_SHOWN]


def _unusual(kind: CauseKind, value: str) -> str:
    return f"{kind.replace('_', ' ')} ({value})" if value and len(value) < 40 else kind.replace("_", " ")


def _said(run: ObservedRun, tags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from (("", f"tag {name}={value}") for name, value in tags.items())
    if run.hash:
        yield "", f"definition {run.hash[:12]}"
    for step in run.steps:
        yield from _of_step(step.node, (("prompt", step.prompt), ("route", step.route)))


def _of_step(node: str, said: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield from ((node, f"{what} {value}") for what, value in said if value)
