"""The broker's histogram of its heap, read."""

import pytest

from bench.lines import BenchError
from bench.soak.broker_heap import bytes_of_classes

HISTOGRAM = """4711:
 num     #instances         #bytes  class name (module)
-------------------------------------------------------
   1:         53000        3400000  [B (java.base@25.0.1)
   2:         10000         240000  java.lang.Total (java.base@25.0.1)
   3:            12       40000000  [Ljdk.internal.vm.FillerElement; (java.base@25.0.1)
   4:             3             48  jdk.internal.vm.FillerObject (java.base@25.0.1)
   5:             1             16  java.lang.Total (another)
Total         63016       43640064
"""


def test_classes_are_read_without_what_fills_the_place_of_garbage() -> None:
    assert bytes_of_classes(HISTOGRAM) == {"[B": 3_400_000, "java.lang.Total": 240_016}


def test_a_histogram_that_was_cut_is_an_error() -> None:
    with pytest.raises(BenchError, match="did not describe"):
        bytes_of_classes(HISTOGRAM.partition("Total  ")[0])


def test_another_text_is_an_error_with_that_text() -> None:
    with pytest.raises(BenchError, match="No such process"):
        bytes_of_classes("4711: No such process")
