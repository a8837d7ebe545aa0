"""The page of metrics is generated and whole: every metric has a help text, every label is explained."""

import pytest

from deploy.prometheus.__main__ import main
from deploy.prometheus.page import PAGE, page
from schemas.metrics import SERVED, STORED, Metric
from schemas.metrics.labels import CLOSED, MEANINGS, OPEN


def test_the_page_is_generated_from_the_declarations() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m deploy.prometheus`"
    assert main(["--check"]) == 0


def test_other_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chek"]) == 2
    assert capsys.readouterr().err == "usage: python -m deploy.prometheus [--check]\n"


@pytest.mark.parametrize("metric", [*STORED.values(), *SERVED.values()], ids=lambda metric: metric.name)
def test_the_page_has_the_metric_with_its_help(metric: Metric) -> None:
    assert metric.help
    (row,) = [line for line in page().splitlines() if line.startswith(f"| `{metric.name}` |")]
    assert metric.help in row
    assert all(label in row for label in metric.labels)


def test_every_label_is_explained_and_no_other_is() -> None:
    used = {label for metric in (*STORED.values(), *SERVED.values()) for label in metric.labels}
    assert used == MEANINGS.keys()
    assert used >= OPEN


def test_closed_labels_are_not_open() -> None:
    assert not {label for _, label in CLOSED} & OPEN
