"""The broker's histogram of its heap, read."""

import pytest

from bench.lines import BenchError
from bench.soak.broker_heap import total_bytes

HISTOGRAM = """4711:
 num     #instances         #bytes  class name (module)
-------------------------------------------------------
   1:         53000        3400000  [B (java.base@25.0.1)
   2:         10000         240000  java.lang.Total (java.base@25.0.1)
Total        180000       12345678
"""


def test_total_is_read() -> None:
    assert total_bytes(HISTOGRAM) == 12_345_678


def test_another_text_is_an_error_with_that_text() -> None:
    with pytest.raises(BenchError, match="No such process"):
        total_bytes("4711: No such process")
