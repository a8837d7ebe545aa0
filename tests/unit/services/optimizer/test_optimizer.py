"""The optimizer reads what the nodes' prompts give, as their references name them now."""

from collections.abc import Sequence
from typing import Any

from connectors.clickhouse.call_facts import CallFact
from connectors.postgres.prompts.rows import StoredPrompt
from connectors.postgres.workflows import StoredWorkflow
from connectors.prices.book import PriceBook
from schemas.prompts.form import PromptForm
from schemas.prompts.refs import PromptRef
from schemas.records.base import Usage
from services.caching.policy import DEFAULT_TTLS
from services.optimizer.optimizer import Optimizer, OptimizerPorts
from services.routing.models import Models

NODE = {"id": "ask", "type": "llm", "config": {"prompt_ref": "ask@production"}}
SPEC = {"name": "wf", "version": 1, "dag": {"nodes": [NODE]}}


class Stored:
    """The calls, the workflow, its prompt and its prices, in one."""

    async def since(self, org_id: str, from_ms: int, workflow: str = "") -> list[CallFact]:
        usage = Usage(input_tokens=100, output_tokens=100)
        named: dict[str, Any] = {"workflow": "wf", "version": 1, "node_id": "ask", "provider": "openai"}
        return [
            CallFact(at_ms=1_795_305_600_000 + n, run_id=f"r{n}", model="gpt-4o", usage=usage, cost_nano=1, **named)
            for n in range(200)
        ]

    async def get(self, org_id: str, name: str, version: int | None = None) -> StoredWorkflow:
        return StoredWorkflow(name, 1, SPEC, "0", [], 0)

    async def find(self, org_id: str, refs: Sequence[PromptRef]) -> list[StoredPrompt | None]:
        assert [(one.name, one.label) for one in refs] == [("ask", "production")]
        form = PromptForm.model_validate({"parameters": {"max_tokens": 9_000}})
        return [StoredPrompt("ask", 2, "x", "0", variables=None, created_ms=0, form=form)]

    async def of(self, org_id: str, at_ms: int) -> PriceBook:
        return PriceBook.load()


async def test_the_limit_of_the_prompts_version_is_what_a_suggestion_lowers() -> None:
    stored: Any = Stored()
    names = ("facts", "workflows", "prompts", "registrations", "changes", "prices")
    same: dict[str, Any] = dict.fromkeys(names, stored)
    optimizer = Optimizer(OptimizerPorts(models=Models(()), ttls=DEFAULT_TTLS, **same))
    titles = [one.title for one in await optimizer.suggestions("acme", 7)]
    assert "lower max_tokens of node ask from 9000 to 192" in titles
