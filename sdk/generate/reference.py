"""The table of operations in the reference page, from the table in the client and the docstrings of its methods."""

import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentflow.client import Client

_TABLE = re.compile(r"(?<=<!-- operations -->\n).*?(?=<!-- end -->)", re.DOTALL)
_HEAD = "| method | request | |\n|---|---|---|\n"


def reference(page: str) -> str:
    """Return the page with the table as it should be. The generated client must be there."""
    # The client imports what was written a moment ago.
    from agentflow.client import Client
    from agentflow.client.operations import OPERATIONS

    with Client("http://localhost", "none") as client:
        rows = "".join(_row(client, name, f"{one.method} {one.path}") for name, one in OPERATIONS.items())
    return _TABLE.sub(lambda _: _HEAD + rows, page)


def _row(client: "Client", name: str, request: str) -> str:
    group, _, method = name.partition(".")
    doc = inspect.getdoc(getattr(getattr(client, group), method)) or ""
    said = doc.split("\n\n")[0].replace("\n", " ").replace("``", "`").split(". ")[0].rstrip(".")
    return f"| `{name}` | `{request}` | {said[:1].lower()}{said[1:]} |\n"
