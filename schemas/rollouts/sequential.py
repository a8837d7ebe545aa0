"""Tests that may be looked at after every run: the logarithms of e-values.

An e-value has an expectation of at most 1 while its hypothesis holds, at any look, so the probability that it *ever*
reaches ``1 / alpha`` is at most ``alpha`` (Ville 1939; Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic statistics
and safe anytime-valid inference", Statistical Science 38, 2023). All functions are pure and use only ``+ - * /``,
``sqrt``, ``log`` and ``exp`` in a fixed order, so the same data give the same bits on the same machine.

- ``evidence``: the normal mixture for a difference of means (Robbins, "Statistical methods related to the law of the
  iterated logarithm", 1970; Johari, Koomen, Pekelis and Walsh, "Always valid inference", Operations Research 70, 2022),
  one-sided by a half-normal mixture (Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic
  confidence sequences", Annals of Statistics 49, 2021, section 3). It takes the variance as known; with a running
  estimate it is asymptotically valid (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit
  theory", 2021), which ``make prove AREA=rollouts`` measures.
- ``brake_factor``: a bet on whose the next error is (Wald's sequential ratio, 1945). A random split with a known ratio
  makes that exact from the first run on, whatever the rate of errors and however it drifts.
- ``split_factor``: a bet on the next unit's arm, with the share of earlier units as its prediction (Lindon and Malek,
  "Anytime-valid inference for multinomial count data", 2022), also exact.
"""

from math import exp, log, sqrt

#: The canary's rate of errors, in rates of stable, that the brake is the most sensitive to.
BRAKE_TIMES = 10.0
#: How many units the prior of the sample ratio counts as: deviations of some percent are found the soonest.
SPLIT_UNITS = 100.0
#: The level of the sample ratio's alarm, which is usual for a check that must not disturb.
SPLIT_ALPHA = 0.001


def evidence(difference: float, variance: float, scale: float) -> float:
    """Return the log of the e-value against "the difference is not above 0".

    ``variance`` is that of the estimated difference. With ``q = scale² difference² / (variance (variance + scale²))``
    the mixture over half-normal differences is ``2 sqrt(variance / (variance + scale²)) exp(q / 2) Phi(sqrt(q))``.
    ``Phi(x)`` is replaced by its lower bound ``1 - exp(-x² / 2) / 2``, which can only make the test rarer.
    """
    spread = variance + scale * scale
    above = difference if difference > 0 else 0.0
    half = 0.5 * (scale * scale * above * above / (variance * spread))
    return 0.5 * log(variance / spread) + half + log(2.0 - exp(-half))


def bound(variance: float, scale: float, alpha: float) -> float:
    """Return how far the true difference may be below the estimate at the level ``alpha``, at every look.

    It solves ``evidence = log(1 / alpha)`` without the last term, for which its limit ``log(2)`` stands.
    """
    spread = variance + scale * scale
    return sqrt(variance * spread * (2.0 * log(0.5 / alpha) + log(spread / variance))) / scale


def needed(alpha: float) -> float:
    """Return the evidence that decides at the level ``alpha``."""
    return log(1.0 / alpha)


def brake_factor(ratio: float, canary: bool) -> float:
    """Return what an error adds to the evidence that the canary fails many times more often than stable.

    While both fail equally often, an error is the canary's with probability ``ratio``. The bet is on
    ``BRAKE_TIMES ratio / (BRAKE_TIMES ratio + 1 - ratio)``.
    """
    betted = BRAKE_TIMES * ratio / (BRAKE_TIMES * ratio + 1.0 - ratio)
    return log(betted / ratio) if canary else log((1.0 - betted) / (1.0 - ratio))


def split_factor(ratio: float, stable: int, canary_before: int, canary: bool) -> float:
    """Return what a new unit adds to the evidence that units are not split by ``ratio``.

    ``stable`` and ``canary_before`` are the units of this ratio so far.
    """
    predicted = (SPLIT_UNITS * ratio + canary_before) / (SPLIT_UNITS + stable + canary_before)
    return log(predicted / ratio) if canary else log((1.0 - predicted) / (1.0 - ratio))
