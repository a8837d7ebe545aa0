"""Budget definitions in memory, folded from ``definitions`` by every process that takes holds."""

from pydantic import ValidationError

from schemas.budgets import Budget, Spender
from schemas.errors import BadRecord, Unavailable
from schemas.records.definitions import Definition
from schemas.values.fields import first_fault


class BudgetDefinitions:
    """Budgets by organisation.

    The newest version of a definition wins, in whatever order versions arrive. Before ``mark_loaded`` reports that the
    topic was read to its end once, the absence of a budget proves nothing.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], Definition] = {}
        self._budgets: dict[str, dict[str, Budget]] = {}
        self._loaded = False

    def apply(self, definition: Definition) -> None:
        """Apply one record; other kinds are ignored. Raises ``BadRecord`` for a body that is not a budget."""
        if definition.kind != "budget":
            return
        key = (definition.org_id, definition.id)
        known = self._newest.get(key)
        if known is not None and _age(known) > _age(definition):
            return
        budget = None if definition.deleted else _budget(definition)
        self._newest[key] = definition
        of_org = self._budgets.setdefault(definition.org_id, {})
        of_org.pop(definition.id, None)
        if budget is not None:
            of_org[definition.id] = budget

    def mark_loaded(self) -> None:
        """Report that every definition that existed at the start was applied."""
        self._loaded = True

    @property
    def loaded(self) -> bool:
        """True after the definitions were read to their end once."""
        return self._loaded

    def of_org(self, org_id: str) -> list[Budget]:
        """Return an organisation's budgets by id."""
        budgets = self._budgets.get(org_id, {})
        return [budgets[budget_id] for budget_id in sorted(budgets)]

    def applying(self, org_id: str, call: Spender) -> list[Budget]:
        """Return every budget that such a call spends of. Raises ``Unavailable`` before the first load."""
        if not self._loaded:
            raise Unavailable("budgets", "the definitions of budgets have not been read to their end yet")
        return [budget for budget in self.of_org(org_id) if budget.applies(call)]


def _age(definition: Definition) -> tuple[int, int]:
    return definition.version, definition.changed_at_ms


def _budget(definition: Definition) -> Budget:
    try:
        budget = Budget.model_validate(definition.body)
    except ValidationError as exc:
        raise BadRecord("budget", f"{definition.key} is not a budget: {first_fault(exc)}") from exc
    if (budget.org_id, budget.id) != (definition.org_id, definition.id):
        raise BadRecord("budget", f"{definition.key} carries budget {budget.org_id}/{budget.id}, not its own")
    return budget
