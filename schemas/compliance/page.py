"""A report as one page of HTML: it loads nothing, runs nothing, and carries the report that it shows.

To verify a page, its report is read out of it and verified, and the page is written once more: a number that was
changed in what people see is found, too.
"""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.compliance.report import Report
from schemas.timestamps import format_time

_OPEN: Final = '<script type="application/json" id="report">'
_CLOSE: Final = "</script>"
#: Rows of a table that are shown; the report has all of them.
SHOWN: Final = 200
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0 0 .3rem}
h2{font-size:1.15rem;margin:2rem 0 .3rem;border-top:1px solid #d0d7de;padding-top:1rem}
p{margin:.3rem 0}.quiet{color:#57606a}code,td.n{font-family:ui-monospace,monospace;font-size:.85em;word-break:break-all}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #d8dee4}
th{background:#f6f8fa;white-space:nowrap}td.n{text-align:right;word-break:normal}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.6rem 0}dt{color:#57606a}dd{margin:0}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th{background:#161b22}.quiet,dt{color:#9198a1}
h2,th,td{border-color:#30363d}}
"""
_HOW: Final = (
    "Each line names the entries of the audit log that show it. This page carries all entries between the two "
    "checkpoints below; anybody with the public key computes every number again from them: "
)
_NO_ADVICE: Final = "The table says which statements are evidence for which control. It is no legal advice."


class NotAPage(ValueError):
    """A text that carries no report."""


def page_of(report: Report) -> str:
    """Return a report as a page."""
    org, period = report["organisation"], report["period"]
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{_text(f'Evidence of {org}')}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Evidence report: {_text(org)}</h1>",
        f'<p class="quiet">{_text(period["from"])} to {_text(period["to"])}</p>',
        f"<p>{_text(_HOW)}<code>agentctl compliance verify FILE --key KEY</code></p>",
        _checkpoints(report["log"]),
        *(_statement(one) for one in report["statements"]),
        _controls(report["controls"]),
        f"{_OPEN}{_json(report)}{_CLOSE}</body></html>\n",
    ]
    return "".join(parts)


def report_in(page: str) -> Report:
    """Return the report that a page carries. Raises ``NotAPage``."""
    _, found, rest = page.partition(_OPEN)
    text, closed, _ = rest.partition(_CLOSE)
    try:
        report = json.loads(text) if found and closed else None
    except (ValueError, RecursionError) as exc:
        raise NotAPage(f"the report in the page cannot be read: {exc}") from exc
    if not isinstance(report, dict):
        raise NotAPage("the page carries no report")
    return report


def _checkpoints(log: Mapping[str, Any]) -> str:
    rows = [
        ("log", log["origin"]),
        ("entries", f"{log['from']} to {int(log['to']) - 1}"),
        ("root before", log["from_root"] or "the log begins within the period"),
        ("root behind", f"{log['to_root']} ({log['to_at']})"),
        ("made for", f"entry {log['request']}, in the log of {log['newest']} entries ({log['newest_at']})"),
    ]
    lines = (f"<dt>{_text(name)}</dt><dd><code>{_text(said)}</code></dd>" for name, said in rows)
    return f"<dl>{''.join(lines)}</dl>"


def _statement(one: Mapping[str, Any]) -> str:
    head = f'<h2 id="{_text(one["id"])}">{_text(one["title"])}</h2><p>{_text(one["says"])}</p>'
    rows = one["rows"]
    if not rows:
        return head
    shown, names = rows[:SHOWN], [name for name in rows[0] if name not in ("entries", "of")]
    more = "" if len(rows) <= SHOWN else f'<p class="quiet">{len(rows) - SHOWN} more rows are in the report.</p>'
    heads = "".join(f"<th>{_text(_heading(name))}</th>" for name in names)
    body = "".join(f"<tr>{''.join(_cell(name, row[name]) for name in names)}{_entries(row)}</tr>" for row in shown)
    return f'{head}<div class="wide"><table><tr>{heads}<th>entries</th></tr>{body}</table></div>{more}'


def _heading(name: str) -> str:
    return "at" if name == "at_ms" else name.replace("_", " ")


def _cell(name: str, value: object) -> str:
    if name == "at_ms" and isinstance(value, int):
        return f"<td>{_text(format_time(value))}</td>"
    if name == "hash":
        return f"<td><code>{_text(value)[:12]}</code></td>"
    return f'<td class="n">{value}</td>' if isinstance(value, int) else f"<td>{_text(value)}</td>"


def _entries(row: Mapping[str, Any]) -> str:
    listed: Sequence[int] = row["entries"]
    named = ", ".join(map(str, listed[:5]))
    more = f" and {row['of'] - len(listed[:5])} more" if row["of"] > len(listed[:5]) else ""
    return f"<td>{_text(named + more)}</td>"


def _controls(rows: Sequence[Mapping[str, Any]]) -> str:
    heads = "<tr><th>pack</th><th>control</th><th>it says</th><th>rules</th><th>evidence</th></tr>"
    body = "".join(
        f"<tr><td>{_text(row['pack'])}</td><td>{_text(row['control'])}</td><td>{_text(row['title'])}</td>"
        f"<td>{_text(', '.join(row['rules']))}</td><td>{_links(row['statements'])}</td></tr>"
        for row in rows
    )
    head = f'<h2 id="controls">Controls and their evidence</h2><p>{_text(_NO_ADVICE)}</p>'
    return f'{head}<div class="wide"><table>{heads}{body}</table></div>'


def _links(names: Sequence[str]) -> str:
    return ", ".join(f'<a href="#{_text(one)}">{_text(one)}</a>' for one in names)


def _text(value: object) -> str:
    return html.escape(str(value))


def _json(report: Report) -> str:
    """Return JSON that no HTML parser reads as markup."""
    text = json.dumps(report, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
