"""What the reconciler tells Prometheus, at the hub's own ``/hub/metrics``."""

from prometheus_client import Counter, Gauge, Histogram

RECONCILE_SECONDS = Histogram(
    "jhub_gateway_reconcile_seconds",
    "Seconds that it took to compare the hub's servers with the cluster's pods, and to act",
)
ORPHANS_REAPED = Counter(
    "jhub_gateway_orphans_reaped_total",
    "Pods and Secrets of this hub that were removed as no server had them",
    ["kind"],
)
STRANGE_PODS = Gauge(
    "jhub_gateway_strange_pods",
    "Pods that bear this hub's name and were made with another database; nothing removes them",
)
IS_LEADER = Gauge(
    "jhub_gateway_reconciler_is_leader",
    "1 in the process that holds the hub's Lease, else 0",
)
