"""A report as one HTML page that needs nothing else: no scripts, no fonts, no pictures from elsewhere."""

from collections.abc import Sequence
from html import escape

from schemas.prompts.evaluations import Comparison, Report
from services.prompts.evaluations.tables import Table, headline, plain, signed, tables_of

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8884; --soft: #8881; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; }}
@media (prefers-color-scheme: dark) {{ :root {{ --good: #3fb950; --bad: #f85149; --open: #d29922; }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.3rem; }}
h2 {{ font-size: 1.05rem; margin: 2rem 0 .5rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; min-width: 4rem; }}
th {{ font-weight: 600; overflow-wrap: break-word; }}
.verdict {{ font-weight: 700; }}
.better {{ color: var(--good); }}
.worse {{ color: var(--bad); }}
.undecided {{ color: var(--open); }}
svg {{ display: block; width: 100%; max-width: 40rem; height: 3.5rem; }}
svg text {{ font-size: 11px; fill: currentColor; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
#: The drawing of an interval, in its own units.
_WIDTH, _MIDDLE = 600.0, 18.0


def html_of_report(report: Report) -> str:
    """Return a report as a page. Every text of the report is escaped."""
    parts = [_summary(report.comparison)] if report.comparison is not None else []
    parts += [_table(table) for table in tables_of(report)]
    return _PAGE.format(title=_text(headline(report)), body="\n".join(parts))


def _summary(found: Comparison) -> str:
    verdict = f'<p>Version {_text(found.candidate)} is <span class="verdict {found.verdict}">{found.verdict}</span>'
    why = f": {_text(found.why)}" if found.why else ""
    return f"{verdict}{why}.</p>\n{_interval(found)}"


def _interval(found: Comparison) -> str:
    """Return a drawing of the difference with its interval, around 0."""
    if found.low is None or found.high is None:
        return ""
    reach = max(abs(found.low), abs(found.high), found.minimum_effect or 0, 0.01) * 1.1
    low, mean, high, zero = ((value / reach + 1) / 2 * _WIDTH for value in (found.low, found.difference, found.high, 0))
    label = f"difference {signed(found.difference)}, 95% interval {signed(found.low)} to {signed(found.high)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} 50" role="img" aria-label="{label}" class="{found.verdict}">'
        f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="4" y2="32" stroke="currentColor" stroke-dasharray="3 3"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{_MIDDLE}" y2="{_MIDDLE}" stroke="currentColor" stroke-width="3"/>'
        f'<circle cx="{mean:.1f}" cy="{_MIDDLE}" r="5" fill="currentColor"/>'
        f'<text x="{zero:.1f}" y="46" text-anchor="middle">0: no difference</text></svg>'
    )


def _table(table: Table) -> str:
    rows = "\n".join(_row(row, "td") for row in table.rows)
    return (
        f'<h2>{_text(table.title)}</h2>\n<div class="wide"><table>\n<thead>{_row(table.head, "th")}</thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _text(text: str) -> str:
    return escape(plain(text))


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells) + "</tr>"
