"""Compliance: forbidden sends are found before any run, none happens in one, and reports prove themselves."""

import asyncio
from collections.abc import Sequence

from bench.lines import Line
from bench.privacy.compliance.calls import Played, World
from bench.privacy.compliance.checked import checked
from bench.privacy.compliance.reports import timed
from bench.privacy.compliance.tamperings import TAMPERINGS, missed
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress

WORKFLOWS, QUICK_WORKFLOWS = 2_000, 200
CALLS, QUICK_CALLS = 4_000, 400
EVENTS, QUICK_EVENTS = 100_000, 10_000
_NONE = at_most(0)

AIMS = (
    Aim("compliance_sends_found", "%", at_least(100), at_least(100)),
    Aim("compliance_false_alarms", "%", at_most(5), _NONE),
    Aim("compliance_ways_wrong", "ways", _NONE, _NONE),
    Aim("compliance_calls_leaked", "calls", _NONE, _NONE),
    Aim("compliance_calls_unserved", "calls", _NONE, _NONE),
    Aim("compliance_leaked_without_demands", "calls", at_least(1)),
    Aim("compliance_tamperings_missed", "tamperings", _NONE, _NONE),
    Aim("compliance_report_100k_s", "s", at_most(30), at_most(10)),
    Aim("compliance_verify_100k_s", "s", at_most(30), at_most(10)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Check workflows of known truth, play calls with fallbacks and hedges, tamper with a report, make a large one."""
    return [*_checks(quick, progress), *_calls(quick, progress), *_reports(quick, progress)]


def _checks(quick: bool, progress: Progress) -> list[Line]:
    count = QUICK_WORKFLOWS if quick else WORKFLOWS
    progress(f"compliance: the static check of {count} workflows whose truth is known")
    found = checked(range(count))
    clean = found.workflows - found.bad_workflows
    share = 100 * found.found / found.sends
    false = 100 * found.false_workflows / clean
    said = f"{found.found} of {found.sends} sends in {found.bad_workflows} of {count} workflows, each with its way"
    return [
        line_of(AIMS, "compliance_sends_found", share, said),
        line_of(AIMS, "compliance_false_alarms", false, f"of {clean} clean workflows; {found.false} wrong sends"),
        line_of(AIMS, "compliance_ways_wrong", found.ways_wrong, f"of {found.found}: another start, end, or no edge"),
    ]


def _calls(quick: bool, progress: Progress) -> list[Line]:
    count = QUICK_CALLS if quick else CALLS
    progress(f"compliance: {count} calls each, with fallbacks and hedges")
    played = [asyncio.run(World(17, reroute=reroute).play(count)) for reroute in (False, True)]
    bare = asyncio.run(World(17, demands=False).play(count))
    leaked = sum(len(one.leaked) for one in played)
    unserved = sum(len(one.unserved) for one in played)
    denied, rerouted = sum(one.denied for one in played), sum(one.rerouted for one in played)
    how = f"{denied} denied, {rerouted} sent elsewhere, of which a provider may have had the data"
    return [
        line_of(AIMS, "compliance_calls_leaked", leaked, "; ".join(map(_told, played))),
        line_of(AIMS, "compliance_calls_unserved", unserved, how),
        line_of(AIMS, "compliance_leaked_without_demands", len(bare.leaked), f"the control: {_told(bare)}"),
    ]


def _told(one: Played) -> str:
    return f"{one.calls} calls, {one.tries} tries, {one.fallbacks} fallbacks, {one.hedges} hedges"


def _reports(quick: bool, progress: Progress) -> list[Line]:
    unseen = missed()
    events = QUICK_EVENTS if quick else EVENTS
    progress(f"compliance: a report of {events:,} entries")
    took = timed(events, progress)
    assert not took.wrong, took.wrong
    scale = EVENTS / events
    said = f"CPU; by the clock {took.made_clock_s * scale:.1f} s; "
    said += f"{took.entries:,} entries in PostgreSQL, a page of {took.size / 1e6:.1f} MB"
    said += ", times ten" if quick else ""
    return [
        line_of(
            AIMS,
            "compliance_tamperings_missed",
            len(unseen),
            f"of {len(TAMPERINGS)}; not found: {', '.join(unseen) or 'none'}",
        ),
        line_of(AIMS, "compliance_report_100k_s", took.made_s * scale, said),
        line_of(AIMS, "compliance_verify_100k_s", took.page_s * scale, "CPU, of its page, offline"),
    ]
