"""Resource Utilization: CPU, memory and network of the processes, and how full their queues are."""

from deploy.grafana.model import Dashboard, Prom
from deploy.grafana.pages.panels import curves

_JOBS = '{job=~"agentflow-.*"}'

DASHBOARD = Dashboard(
    uid="agentflow-resources",
    title="Resource Utilization",
    says="CPU, memory and network of each process, and the work that waits for it.",
    panels=(
        curves(
            "CPU",
            "percentunit",
            Prom(f"rate(process_cpu_seconds_total{_JOBS}[$__rate_interval])", "{{instance}}"),
            says="1 is a whole core.",
        ),
        curves("Memory", "bytes", Prom(f"process_resident_memory_bytes{_JOBS}", "{{instance}}")),
        curves(
            "Network",
            "Bps",
            Prom(
                f"sum by (instance, direction) (rate(agentflow_role_network_bytes_total{_JOBS}[$__rate_interval]))",
                "{{instance}} {{direction}}",
            ),
            says="Of the container or machine that a process is in, without the loopback.",
        ),
        curves("Open files", "short", Prom(f"process_open_fds{_JOBS}", "{{instance}}")),
        curves(
            "Records to process",
            "short",
            Prom("sum by (role, topic) (agentflow_role_lag_records)", "{{role}} {{topic}}"),
            says="It grows without end: start more processes of the role.",
        ),
        curves(
            "Attempts in progress",
            "short",
            Prom("agentflow_worker_in_flight_attempts", "{{instance}}"),
            Prom("agentflow_worker_unacked_requests", "{{instance}} not acknowledged"),
        ),
        curves(
            "HTTP requests",
            "reqps",
            Prom("sum by (status) (rate(agentflow_api_requests_total[$__rate_interval]))", "{{status}}"),
            stacked=True,
        ),
        curves(
            "Time of HTTP requests, 95%",
            "s",
            Prom(
                "topk(10, histogram_quantile(0.95, sum by (le, route) "
                "(rate(agentflow_api_request_seconds_bucket[$__rate_interval]))))",
                "{{route}}",
                exemplars=True,
            ),
        ),
        curves(
            "Event loop",
            "s",
            Prom("agentflow_role_event_loop_stall_seconds", "{{instance}}"),
            says="Seconds since the loop last ran: over 1, something blocks it.",
        ),
        curves("Age of checkpoints", "s", Prom("max by (role) (agentflow_role_checkpoint_age_seconds)", "{{role}}")),
    ),
)
