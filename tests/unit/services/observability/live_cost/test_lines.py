"""Lines of Influx' protocol: golden ones, and whatever a name may be, a strict reader finds it again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.observability.grafana_receiver import BadLine, parsed
from services.observability.live_cost.lines import line_of, lines_of
from services.observability.live_cost.sums import Row, Spender

AT_MS = 1_764_403_200_000
SPENDER = Spender("acme", "report", "local", "small")
GOLDEN = [
    (
        Row(SPENDER, 1_350_000, 2_000_000),
        (
            "agentflow_cost,model=small,org=acme,provider=local,workflow=report "
            "held_usd=0.002,settled_usd=0.00135 1764403200000000000"
        ),
    ),
    (
        Row(Spender("a b", "x,y=z", "p", "é"), 1, -1),
        (
            r"agentflow_cost,model=é,org=a\ b,provider=p,workflow=x\,y\=z "
            "held_usd=-0.000000001,settled_usd=0.000000001 1764403200000000000"
        ),
    ),
    (
        Row(Spender("o", "", "p", "m"), 0, 12_000_000_000_000_000),
        "agentflow_cost,model=m,org=o,provider=p held_usd=12000000,settled_usd=0 1764403200000000000",
    ),
    (
        Row(Spender("o", "a\nb", "p", "m\\"), 0, 0),
        "agentflow_cost,model=m_,org=o,provider=p,workflow=a_b held_usd=0,settled_usd=0 1764403200000000000",
    ),
]


@pytest.mark.parametrize(("row", "line"), GOLDEN)
def test_a_row_is_its_golden_line(row: Row, line: str) -> None:
    assert line_of(row, AT_MS) == line
    parsed(line)


def test_a_second_has_a_line_for_each_row() -> None:
    assert lines_of([row for row, _ in GOLDEN], AT_MS) == [line for _, line in GOLDEN]


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\"), min_size=1, max_size=20)


@given(NAMES, NAMES, NAMES, NAMES, st.integers(-(10**15), 10**15), st.integers(0, 10**15))
def test_a_strict_reader_finds_what_was_written(
    org: str, workflow: str, provider: str, model: str, settled: int, held: int
) -> None:
    found = parsed(line_of(Row(Spender(org, workflow, provider, model), settled, held), AT_MS))
    assert found.tags == {"org": org, "workflow": workflow, "provider": provider, "model": model}
    assert round(float(found.fields["settled_usd"]) * 1e9) == pytest.approx(settled, abs=1)
    assert found.at_ns == AT_MS * 1_000_000


@given(st.text(max_size=20))
def test_whatever_a_name_is_the_line_is_one_line_of_the_protocol(name: str) -> None:
    if any(0xD800 <= ord(char) < 0xE000 for char in name):
        return  # no text of the wire has lone surrogates
    line = line_of(Row(Spender(name, name, name, name), 1, 2), AT_MS)
    assert len(line.splitlines() if "\n" in line else [line]) == 1
    assert parsed(line).fields == {"held_usd": "0.000000002", "settled_usd": "0.000000001"}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "m,a=b f=1",
        "m,a= f=1 1764403200000000000",
        "m,a=b,a=c f=1 1764403200000000000",
        "m,a f=1 1764403200000000000",
        "m,a=b f=x 1764403200000000000",
        "m,a=b f=1, 1764403200000000000",
        "m,a=b  1764403200000000000",
        "m,a=b f=1 1764403200000",
        ",a=b f=1 1764403200000000000",
        "m,a=b c f=1 1764403200000000000",
    ],
)
def test_the_reader_refuses_what_is_not_of_the_protocol(line: str) -> None:
    with pytest.raises(BadLine):
        parsed(line)
