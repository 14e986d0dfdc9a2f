"""The chart's own values that have a consequence in the hub; null of an operator removes one.

The versions of the chart that were tested have these, and their images the tag of the chart.
"""

from typing import Any

# 4.4.0 is the first whose JupyterHub this project works with.
OLDEST_CHART = (4, 4, 0)
NEXT_MAJOR_CHART = (5, 0, 0)

DEFAULTS: dict[str, Any] = {
    "fullnameOverride": "",
    "imagePullSecret": {"automaticReferenceInjection": True},
    "hub": {
        "baseUrl": "/",
        "concurrentSpawnLimit": 64,
        "consecutiveFailureLimit": 5,
        "allowNamedServers": False,
        "config": {"JupyterHub": {"admin_access": True, "authenticator_class": "dummy"}},
        "db": {"type": "sqlite-pvc", "pvc": {"accessModes": ["ReadWriteOnce"]}},
    },
    "singleuser": {
        "image": {"name": "quay.io/jupyterhub/k8s-singleuser-sample"},
        "networkTools": {"image": {"name": "quay.io/jupyterhub/k8s-network-tools"}},
        "cmd": "jupyterhub-singleuser",
        "uid": 1000,
        "fsGid": 100,
        "allowPrivilegeEscalation": False,
        "startTimeout": 300,  # seconds
        "memory": {"guarantee": "1G"},
        "events": True,
        "extraLabels": {"hub.jupyter.org/network-access-hub": "true"},
        "cloudMetadata": {"blockWithIptables": True, "ip": "169.254.169.254"},
        "storage": {
            "type": "dynamic",
            "capacity": "10Gi",
            "homeMountPath": "/home/jovyan",
            "static": {"subPath": "{username}"},
            "dynamic": {
                "volumeNameTemplate": "volume-{user_server}",
                "storageAccessModes": ["ReadWriteOnce"],
            },
        },
    },
    "scheduling": {
        "userScheduler": {"enabled": True},
        "podPriority": {"enabled": False},
        "userPods": {
            "nodeAffinity": {"matchNodePurpose": "prefer"},
            "tolerations": [
                {
                    "key": f"hub.jupyter.org{separator}dedicated",
                    "operator": "Equal",
                    "value": "user",
                    "effect": "NoSchedule",
                }
                for separator in "/_"  # some clouds allow no slash
            ],
        },
    },
    "cull": {  # durations in seconds
        "enabled": True,
        "users": False,
        "adminUsers": True,
        "removeNamedServers": False,
        "timeout": 3600,
        "every": 600,
        "concurrency": 10,
        "maxAge": 0,
    },
    "debug": {"enabled": False},
}
