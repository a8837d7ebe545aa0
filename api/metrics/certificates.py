"""When certificates end: those of a proxy before this API, or those that engines show, as PEM files."""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily

from connectors.prometheus.families import gauge_family
from schemas.metrics import API_CERTIFICATE_EXPIRY


def certificate_family(paths: Sequence[str]) -> GaugeMetricFamily:
    """Return the end of each file's first certificate to end. A file that cannot be read counts as one that ended."""
    family = gauge_family(API_CERTIFICATE_EXPIRY)
    for path in paths:
        family.add_metric([path], ends_at_s(path))
    return family


def ends_at_s(path: str) -> float:
    """Return when the first of a file's certificates ends, in seconds since 1970; 0 for a file without any."""
    try:
        found = x509.load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError):
        return 0.0
    return min(one.not_valid_after_utc.timestamp() for one in found)


def paths_of(text: str) -> tuple[str, ...]:
    """Return the paths in a list that is separated by commas."""
    return tuple(path for part in text.split(",") if (path := part.strip()))
