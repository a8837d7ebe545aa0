"""Facts of providers that come along: only what public terms say of every account, read in November 2026.

A contract may say more, so an organisation states its own. Regions are in no provider's terms for every account.
Google's terms differ between paid and unpaid projects, Anthropic's retention between usual and flagged requests, and
Cohere's training between settings of the account: these are unknown here.
"""

from typing import Final

from schemas.compliance.facts import OWN, FactsDocument, FactsEntry

#: The facts of what an organisation says nothing of.
SHIPPED: Final = FactsDocument(
    providers=(
        FactsEntry(route="local", regions=(OWN,), retention_days=0, trains=False, source="runs inside of the worker"),
        FactsEntry(
            route="openai",
            retention_days=30,
            trains=False,
            source="https://platform.openai.com/docs/guides/your-data (abuse monitoring; unless the law requires more)",
        ),
        FactsEntry(route="anthropic", trains=False, source="https://www.anthropic.com/legal/commercial-terms (B)"),
    )
)


def with_installation(stated: FactsDocument) -> FactsDocument:
    """Return the shipped facts behind those of the installation; of one route the first that says a field counts."""
    # Both may name a route, which within one document would be a mistake.
    return FactsDocument.model_construct(providers=(*stated.providers, *SHIPPED.providers))
