"""What the culling service tells Prometheus, at a port of its own."""

from prometheus_client import Counter, Gauge, Histogram

PASSES = Counter(
    "jhub_gateway_cull_passes_total",
    "Looks at all servers, by how they ended: done, or failed where the hub did not answer",
    ["result"],
)
PASS_SECONDS = Histogram(
    "jhub_gateway_cull_pass_seconds",
    "Seconds that a look at all servers took, with all that followed from it",
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300),
)
LAST_PASS = Gauge(
    "jhub_gateway_cull_last_pass_timestamp_seconds",
    "When the last look at all servers was done, in seconds since 1970",
)
SERVERS = Gauge("jhub_gateway_cull_servers", "Servers that were ready at the last pass")
ASKED = Counter("jhub_gateway_cull_asked_total", "Questions to servers how they are used")
UNKNOWN = Gauge(
    "jhub_gateway_cull_unknown_servers",
    "Servers that did not say how they are used when they were last asked",
)
WARNINGS = Counter(
    "jhub_gateway_cull_warnings_total", "Users who were warned that their server stops"
)
STOPS = Counter("jhub_gateway_cull_stops_total", "Servers that were stopped, by why", ["cause"])
REFUSED = Counter(
    "jhub_gateway_cull_refused_total",
    "Stops that the hub refused: the server was kept, started anew or stopped by another culler",
)
IS_LEADER = Gauge(
    "jhub_gateway_cull_is_leader", "1 in the culler that is at work, 0 in one that waits"
)
UNUSED_ACCOUNTS = Gauge(
    "jhub_gateway_cull_unused_accounts", "Accounts that were unused for unknown_after_days"
)
REMOVED_ACCOUNTS = Counter(
    "jhub_gateway_cull_removed_accounts_total", "Accounts that were removed from the hub"
)
