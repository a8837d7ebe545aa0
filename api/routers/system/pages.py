"""The page that shows the OpenAPI document. It is one file of the package and asks no other host for anything."""

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE = Path(__file__).resolve().parents[2] / "http" / "docs_page.html"
#: Nothing of another host, whatever a description may have in it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
}


@router.get("/docs")
@router.get("/redoc")
async def docs() -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(_page(), headers=_HEADERS)


@cache
def _page() -> str:
    return _PAGE.read_text(encoding="utf-8")
