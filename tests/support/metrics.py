"""Metrics as Prometheus would read them."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.roles import RoleProcess


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name that have these labels; 0 where there is none."""
        return sum(self.values(name, **labels))

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the samples of a name that have these labels."""
        return [s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items()]


def scrape(client: httpx.Client) -> Metrics:
    """Return what the API shows."""
    return Metrics(client.get("/metrics").raise_for_status().text)


def scrape_role(role: RoleProcess) -> Metrics:
    """Return what a process of roles shows on the port that it named when it was ready."""
    url = f"http://127.0.0.1:{role.ready['metrics_port']}/metrics"
    with httpx.Client(trust_env=False, timeout=10) as client:
        return Metrics(client.get(url).raise_for_status().text)
