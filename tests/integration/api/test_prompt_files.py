"""A folder of prompts and the real API: what is pushed is pulled as the same bytes, and pushed once."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from agentflow.cli.api import Answer

from tests.support.api import Running
from tests.support.ctl import Ctl, Ended

FOLDER = Path(__file__).parents[3] / "examples" / "prompt_repository" / "prompts"
Command = Callable[..., Coroutine[Any, Any, Ended]]


class _Bridge:
    """The API of the test's event loop for a command, which runs in a thread."""

    def __init__(self, api: Running) -> None:
        self._api, self._loop = api, asyncio.get_running_loop()

    def request(self, method: str, path: str, **sent: Any) -> Answer:
        """Send a request from another thread."""
        given = {name: value for name, value in sent.items() if value is not None and name in ("params", "json")}
        asked = self._api.client.request(method, path, **given)
        found = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        return Answer(found.status_code, found.json())


def commands(api: Running, folder: Path) -> Command:
    """Return a function that runs a command."""
    ctl = Ctl(folder)
    ctl.api = _Bridge(api)

    async def run(*args: str) -> Ended:
        return await asyncio.to_thread(ctl, "prompt", *args, "-o", "json")

    return run


def rows(done: Ended) -> dict[str, tuple[str, int]]:
    return {row["name"]: (row["action"], row["version"]) for row in done.document["prompts"]}


async def test_a_folder_is_pushed_once_and_pulled_as_the_same_bytes(api: Running, tmp_path: Path) -> None:
    run = commands(api, tmp_path)
    first = await run("push", str(FOLDER), "--label", "staging")
    assert first.code == 0, first.err
    assert set(rows(first).values()) == {("created", 1)}
    again = await run("push", str(FOLDER), "--label", "staging")
    assert set(rows(again).values()) == {("unchanged", 1)}
    pulled = await run("pull", str(tmp_path / "other"), *rows(first))
    assert set(rows(pulled).values()) == {("created", 1)}
    for path in FOLDER.iterdir():
        assert (tmp_path / "other" / path.name).read_bytes() == path.read_bytes()


async def test_a_part_that_changes_makes_a_new_version_of_what_includes_it(api: Running, tmp_path: Path) -> None:
    run = commands(api, tmp_path)
    folder = tmp_path / "prompts"
    folder.mkdir()
    for path in FOLDER.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    await run("push", str(folder))
    tone = folder / "tone.prompt.md"
    tone.write_text(tone.read_text(encoding="utf-8").replace("short", "very short"), encoding="utf-8")
    done = await run("push", str(folder), "--label", "staging")
    assert rows(done) == {"tone": ("changed", 2), "support_reply": ("changed", 2), "letter_kind": ("labels", 1)}
    differs = await run("diff", "tone@staging", "tone@1")
    assert (differs.code, "+Write in a {{style}} way. Use short sentences." in differs.document["diff"]) == (1, True)
