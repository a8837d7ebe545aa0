"""Grafana: dashboards as code, and what a Grafana is provisioned with. ``python -m deploy.grafana`` writes the JSON."""
