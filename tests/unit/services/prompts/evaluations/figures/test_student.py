"""Quantiles of Student's t, against tables and, where it is installed, against scipy."""

import pytest

from services.prompts.evaluations.figures.student import cdf, quantile

#: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, upper critical values.
TABLE = {
    (0.975, 1): 12.706,
    (0.975, 2): 4.303,
    (0.975, 5): 2.571,
    (0.975, 9): 2.262,
    (0.975, 39): 2.023,
    (0.975, 100): 1.984,
    (0.95, 10): 1.812,
    (0.9, 3): 1.638,
}


@pytest.mark.parametrize(("p", "df"), TABLE)
def test_quantile_is_that_of_the_table(p: float, df: int) -> None:
    assert quantile(p, df) == pytest.approx(TABLE[p, df], abs=0.0006)


@pytest.mark.parametrize("p", [0.5, 0.6, 0.8, 0.95, 0.975, 0.999])
@pytest.mark.parametrize("df", [1, 1.37, 2, 3.5, 9, 39, 199.25, 1e4, 1e6])
def test_quantile_is_that_of_scipy(p: float, df: float) -> None:
    special = pytest.importorskip("scipy.special")
    assert quantile(p, df) == pytest.approx(special.stdtrit(df, p), rel=1e-8, abs=1e-8)


def test_quantile_of_many_degrees_is_the_normal_one() -> None:
    assert quantile(0.975, 1e9) == pytest.approx(1.959963984540054, abs=1e-9)


def test_cdf_is_symmetric() -> None:
    assert cdf(-1.3, 7) == pytest.approx(1 - cdf(1.3, 7))
    assert cdf(0, 7) == 0.5


@pytest.mark.parametrize(("p", "df"), [(0.4, 5), (1.0, 5), (0.9, 0.5), (0.9, float("nan"))])
def test_quantile_refuses_what_is_out_of_range(p: float, df: float) -> None:
    with pytest.raises(ValueError, match="out of range"):
        quantile(p, df)
