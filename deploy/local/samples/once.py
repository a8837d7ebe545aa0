"""The sample of ``make run``: once per data directory, in an organisation and on a budget of its own."""

import asyncio
import io
from pathlib import Path

from rich.console import Console

from connectors.objects import atomic_file
from deploy.local.samples.runs import DEADLINE_S, Api, SampleError, register_examples, run_sample

ORG = "sample"
#: Runs of the sample cost about two cents; more would be a mistake.
LIMIT_USD = "1.00"
#: So many organisations are tried when the key of an earlier one is lost.
MOST_ORGS = 20
MARKER, KEY = "sample-generation", "sample-key"


class Sample:
    """Runs the sample unless this data directory has had it, or again when ``wanted`` says so."""

    def __init__(self, data_dir: Path, *, wanted: bool | None, terminal: bool) -> None:
        self._marker = data_dir / MARKER
        self._key = data_dir / KEY
        self._wanted = wanted
        self._console = Console() if terminal else Console(file=io.StringIO())

    @property
    def due(self) -> bool:
        """Return true if it shall run now."""
        return not self._marker.exists() if self._wanted is None else self._wanted

    @property
    def registered(self) -> bool:
        """Return true if its workflows are there."""
        return self._marker.exists()

    def run(self, api_url: str, api_key: str, deadline_s: float = DEADLINE_S) -> None:
        """Run it, and remember that. Raises ``SampleError``; it is not run again then, either."""
        generation = self._generation()
        try:
            asyncio.run(self._run(api_url, api_key, generation, deadline_s))
        finally:
            atomic_file.replace(self._marker, str(generation).encode())

    def _generation(self) -> int:
        try:
            return int(self._marker.read_text()) + 1
        except (FileNotFoundError, ValueError):
            return 0

    async def _run(self, api_url: str, api_key: str, generation: int, deadline_s: float) -> None:
        try:
            async with asyncio.timeout(deadline_s), Api(api_url, api_key) as api:
                await register_examples(api)  # for the first commands that are printed
                if not self._key.exists():
                    await self._make_organisation(api, api_url)
        except TimeoutError:
            raise SampleError(f"the API did not take its workflows within {deadline_s:g} s") from None
        key = self._key.read_text()
        await run_sample(api_url, key, self._console, generation=generation, deadline_s=deadline_s)

    async def _make_organisation(self, api: Api, api_url: str) -> None:
        for number in range(1, MOST_ORGS):
            name = ORG if number == 1 else f"{ORG}-{number}"
            body = {"id": name, "name": "Sample"}
            answer = await api.request("POST", "/api/v1/organisations", (201, 409), json=body)
            if answer.status_code == 201:
                break
        else:
            raise SampleError(f"the keys of {MOST_ORGS} organisations are lost; delete the data directory")
        key = answer.json()["key"]["key"]
        async with Api(api_url, key) as own:
            budget = {"name": "sample", "scope": "org", "period": "day", "limit_usd": LIMIT_USD}
            await own.request("POST", "/api/v1/budgets", (200, 201, 409), json=budget)
        atomic_file.replace(self._key, key.encode())
