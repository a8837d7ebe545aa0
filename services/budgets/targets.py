"""Names that budgets and limits may have: a misspelt one would limit nothing, silently."""

from collections.abc import Collection, Sequence

from connectors.postgres.organisations import Projects
from connectors.postgres.workflows import Workflows
from connectors.prices.book import PricesOf
from connectors.prices.known import KnownModels
from connectors.providers.custom.registry import CUSTOM
from connectors.providers.names import PROVIDER_NAMES
from schemas.budgets import Scope
from schemas.clock import now_ms
from schemas.errors import InvalidInput, Problem
from schemas.limits.quotas import QuotaLimits
from schemas.spec.check.shape import MAX_NAMED, similar

#: Users, projects, keys and tags are named when something is submitted for them, prompts also inside of nodes.
_CHECKED: tuple[Scope, ...] = ("workflow", "provider", "model")
_ANYHOW = "or give allow_unknown: true for one that is to come"


class Targets:
    """The names that an organisation's budgets and limits may have. Every method raises ``Unavailable``."""

    def __init__(self, workflows: Workflows, projects: Projects, models: KnownModels, prices: PricesOf) -> None:
        self._workflows = workflows
        self._projects = projects
        self._models = models
        self._prices = prices

    async def check_budget(self, org_id: str, scope: Scope, target: str | None) -> None:
        """Raise ``InvalidInput`` when the workflow, provider or model that a budget names does not exist."""
        if target is None or scope not in _CHECKED:
            return
        if scope == "model" and _is_model(await self._known(org_id), target):
            return
        known = await self._names(org_id, scope)
        if target not in known:
            _refuse([Problem("target", f"there is no {scope} '{target}'", _fix(target, known))])

    async def check_workflows(self, org_id: str, names: Collection[str], path: str) -> None:
        """Raise ``InvalidInput`` when workflows do not exist. ``path`` is the place of their names in the request."""
        if not names:
            return
        _refuse_unknown("workflow", names, await self._names(org_id, "workflow"), path)

    async def check_projects(self, org_id: str, ids: Collection[str], path: str) -> None:
        """Raise ``InvalidInput`` when projects do not exist, or are archived."""
        if ids:
            _refuse_unknown("project", ids, {one.id for one in await self._projects.all(org_id)}, path)

    async def check_quotas(self, org_id: str, limits: Sequence[QuotaLimits]) -> None:
        """Raise ``InvalidInput`` when quotas name a provider or model that does not exist."""
        providers, models, problems = await self._names(org_id, "provider"), await self._known(org_id), []
        for index, one in enumerate(limits):
            where = f"limits.{index}"
            if one.provider is not None and one.provider not in providers:
                fix = _fix(one.provider, providers)
                problems.append(Problem(f"{where}.provider", f"there is no provider '{one.provider}'", fix))
            elif one.model is not None and not _is_model(models, one.model):
                fix = _fix(one.model, models.names())
                problems.append(Problem(f"{where}.model", f"there is no model '{one.model}'", fix))
        _refuse(problems[:MAX_NAMED])

    async def _names(self, org_id: str, scope: Scope) -> frozenset[str]:
        if scope == "workflow":
            return frozenset(line.name for line in await self._workflows.all(org_id))
        if scope == "model":
            return (await self._known(org_id)).names()
        return PROVIDER_NAMES | CUSTOM.names() | self._models.added_providers()

    async def _known(self, org_id: str) -> KnownModels:
        return self._models.under(await self._prices.of(org_id, now_ms()))


def _is_model(models: KnownModels, target: str) -> bool:
    """Spend is booked under a model's name as nodes write it, so a known name in other letters limits nothing."""
    names = models.names()
    if target in names:
        return True
    lower = target.lower()
    return models.provider_of(target) is not None and all(lower != name.lower() for name in names)


def _fix(name: str, known: Collection[str]) -> str:
    return f"{similar(name, known)}; {_ANYHOW}"


def _refuse_unknown(kind: str, names: Collection[str], known: Collection[str], path: str) -> None:
    unknown = [name for name in names if name not in known][:MAX_NAMED]
    _refuse([Problem(f"{path}.{name}", f"there is no {kind} '{name}'", _fix(name, known)) for name in unknown])


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidInput.of(*problems)
