"""Pods, events and answers as Kubernetes 1.32 to 1.35 give them, each with its reason's code.

Their words are the kubelet's, the scheduler's, containerd's, CRI-O's and the API server's own.
"""

import json
from dataclasses import dataclass, field

from jhub_gateway.models import Reason
from jhub_gateway.policy.answer_reasons import find_answer_reason
from jhub_gateway.policy.end_reasons import find_end_reason, find_restart
from jhub_gateway.policy.line_reasons import make_line_reason, make_line_timeout
from jhub_gateway.policy.start_reasons import find_start_reason, make_timeout

IMAGE = "registry.example/gateway/user:1"
HUB_IMAGE = "registry.example/gateway/hub:1"
UID = "11111111-2222-3333-4444-555555555555"
NOON = "2026-11-21T12:00:00Z"
# In seconds since 1970.
NOON_SECONDS = 1795262400.0

SCHEDULED = {"type": "PodScheduled", "status": "True"}
CREATING = {"waiting": {"reason": "ContainerCreating"}}
INITIALIZING = {"waiting": {"reason": "PodInitializing"}}
RUNNING = {"running": {"startedAt": NOON}}
DONE = {"terminated": {"exitCode": 0, "reason": "Completed"}}
PULL = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '


def waiting(reason: str, message: str = "") -> dict:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error", message: str = "") -> dict:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def status(name: str, state: dict, last: dict | None = None, restarts: int = 0) -> dict:
    image = HUB_IMAGE if name.startswith("gateway-") else IMAGE
    return {
        "name": name,
        "image": image,
        "state": state,
        "lastState": last or {},
        "restartCount": restarts,
        "ready": "running" in state,
    }


def make_pod(*containers: dict, init=(), conditions=(SCHEDULED,), phase="Pending", **more) -> dict:
    metadata = {"name": "jupyter-ada", "namespace": "users", "uid": UID}
    return {
        "metadata": metadata | more.pop("metadata", {}),
        "spec": {
            "initContainers": [{"name": "gateway-home", "image": HUB_IMAGE}],
            "containers": [
                {
                    "name": "notebook",
                    "image": IMAGE,
                    "resources": {
                        "limits": {"memory": "2147483648"},
                        "requests": {"memory": "1073741824"},
                    },
                }
            ],
        },
        "status": {
            "phase": phase,
            "conditions": list(conditions),
            "initContainerStatuses": list(init),
            "containerStatuses": list(containers),
            **more,
        },
    }


def make_notebook(state: dict, last: dict | None = None, restarts: int = 0, **more) -> dict:
    """Return a pod whose init container went well."""
    notebook = status("notebook", state, last, restarts)
    return make_pod(notebook, init=[status("gateway-home", DONE)], **more)


def make_init(state: dict, last: dict | None = None, restarts=0, name="gateway-home") -> dict:
    first = status(name, state, last, restarts)
    return make_pod(status("notebook", INITIALIZING), init=[first])


def make_unscheduled(message: str, reason: str = "Unschedulable") -> dict:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
    }
    return make_pod(conditions=[condition])


def make_event(reason: str, message: str, seconds: int = 0, count: int = 1, container="") -> dict:
    return {
        "reason": reason,
        "message": message,
        "count": count,
        "lastTimestamp": f"2026-11-21T12:00:{seconds:02d}Z",
        "involvedObject": {
            "uid": UID,
            **({"fieldPath": f"spec.containers{{{container}}}"} if container else {}),
        },
    }


PENDING = make_pod(status("notebook", INITIALIZING), init=[status("gateway-home", INITIALIZING)])
SOON = make_pod(status("notebook", CREATING))
REFUSAL = json.dumps({"sentence": "This home is another user's.", "cause": "owner marker differs"})


@dataclass(frozen=True)
class StartCase:
    code: str
    is_final: bool
    pod: dict | None
    events: list[dict] = field(default_factory=list)
    now: float | None = None

    def find(self) -> Reason | None:
        return find_start_reason(self.pod, self.events, now=self.now)


@dataclass(frozen=True)
class EndCase:
    code: str
    pod: dict | None
    events: list[dict] = field(default_factory=list)
    is_final: bool = True

    def find(self) -> Reason:
        return find_end_reason(self.pod, self.events)


@dataclass(frozen=True)
class RestartCase:
    code: str
    pod: dict
    is_final: bool = False

    def find(self) -> Reason | None:
        return find_restart(self.pod)


@dataclass(frozen=True)
class AnswerCase:
    code: str
    is_final: bool
    status: int
    message: str

    def find(self) -> Reason:
        return find_answer_reason(self.status, self.body)

    @property
    def body(self) -> dict:
        return {"kind": "Status", "code": self.status, "message": self.message}


@dataclass(frozen=True)
class TimeoutCase:
    code: str
    last: str | None
    is_final: bool = True

    def find(self) -> Reason:
        last = Reason(self.last, "Waiting.", "for this", False) if self.last else None
        return make_timeout(last, 300)


@dataclass(frozen=True)
class LineCase:
    code: str
    seconds: float
    is_final: bool

    def find(self) -> Reason:
        place = make_line_reason(2, 3)
        return make_line_timeout(place, self.seconds) if self.is_final else place


def unschedulable(code: str, message: str, *events: dict, is_final: bool = False) -> StartCase:
    return StartCase(code, is_final, make_unscheduled(message), list(events))


def image(code: str, is_final: bool, reason: str, message: str, *events: dict) -> StartCase:
    return StartCase(code, is_final, make_notebook(waiting(reason, message)), list(events))


def notebook(code: str, state: dict, last: dict | None = None, restarts: int = 0) -> StartCase:
    return StartCase(code, True, make_notebook(state, last, restarts, phase="Running"))


def mounting(code: str, is_final: bool, *events: dict) -> StartCase:
    return StartCase(code, is_final, PENDING, list(events))


NO_VICTIMS = " preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
BACK_OFF = f'Back-off pulling image "{IMAGE}"'
ACCESS_DENIED = (
    'MountVolume.SetUp failed for volume "homes" : mount failed: exit status 32\nMounting command: '
    "mount\nOutput: mount.nfs: access denied by server while mounting nfs.example:/homes"
)
NO_DIRECTORY = (
    'MountVolume.SetUp failed for volume "homes" : hostPath type check failed: /homes is not a '
    "directory"
)
NO_SECRET = 'MountVolume.SetUp failed for volume "credentials" : secret "ada-keys" not found'
NOT_MOUNTED = (
    "Unable to attach or mount volumes: unmounted volumes=[homes], unattached volumes=[homes], "
    "failed to process volumes=[]: timed out waiting for the condition"
)
NO_COMMAND = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
    'create failed: unable to start container process: exec: "jupyterhub-singleuser": executable '
    "file not found in $PATH: unknown"
)
TOO_LITTLE = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
    "create failed: unable to start container process: container init was OOM-killed (memory limit "
    "too low?): unknown"
)
LOW_MEMORY = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi. Container "
    "notebook was using 1900Mi, request is 1Gi, has larger consumption of memory. "
)


def lost(reason: str) -> dict:
    return {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "because"}


SCHEDULING_CASES = [
    StartCase("scheduling", False, make_pod(conditions=[])),
    StartCase("scheduling", False, make_unscheduled("blocked by a gate", "SchedulingGated")),
    unschedulable(
        "unschedulable-memory",
        "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint "
        "{node-role.kubernetes.io/control-plane: }." + NO_VICTIMS,
    ),
    unschedulable("unschedulable-memory", "0/1 nodes are available: 1 Insufficient memory."),
    unschedulable(
        "unschedulable-memory",
        "0/4 nodes are available: 1 Insufficient cpu, 3 Insufficient memory. no new claims to "
        "deallocate," + NO_VICTIMS,
    ),
    unschedulable(
        "unschedulable-memory",
        "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had volume node affinity "
        "conflict.",
    ),
    unschedulable(
        "unschedulable-memory",
        "0/3 nodes are available: 3 Insufficient memory.",
        make_event(
            "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached", 1
        ),
        make_event("TriggeredScaleUp", "pod triggered scale-up: [{pool 1->2 (max: 5)}]", 9),
    ),
    StartCase(
        "unschedulable-memory",
        False,
        make_pod(conditions=[]),
        [make_event("FailedScheduling", "0/1 nodes are available: 1 Insufficient memory.")],
    ),
    unschedulable(
        "unschedulable-cpu",
        "0/4 nodes are available: 1 Insufficient memory, 3 Insufficient cpu." + NO_VICTIMS,
    ),
    unschedulable(
        "unschedulable-taint",
        "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) "
        "had untolerated taint {gpu: true}.",
    ),
    unschedulable(
        "unschedulable-taint", "0/2 nodes are available: 2 node(s) had untolerated taint(s)."
    ),
    unschedulable("unschedulable-taint", "0/1 nodes are available: 1 node(s) were unschedulable."),
    unschedulable(
        "unschedulable-volume",
        "0/3 nodes are available: 1 node(s) had untolerated taint {gpu: true}, 2 node(s) had "
        "volume node affinity conflict." + NO_VICTIMS,
    ),
    unschedulable(
        "unschedulable-volume",
        "0/3 nodes are available: 3 node(s) didn't match PersistentVolume's node affinity.",
    ),
    unschedulable(
        "unschedulable-volume",
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: "
        "0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    ),
    unschedulable(
        "unschedulable-volume",
        '0/1 nodes are available: persistentvolumeclaim "homes" not found.' + NO_VICTIMS,
        is_final=True,
    ),
    unschedulable(
        "unschedulable-volume", 'persistentvolumeclaim "homes" is being deleted', is_final=True
    ),
    unschedulable(
        "unschedulable-volume",
        'waiting for ephemeral volume controller to create the persistentvolumeclaim "scratch"',
    ),
    unschedulable(
        "unschedulable",
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
    ),
    unschedulable("unschedulable", "0/3 nodes are available: 3 Too many pods."),
    unschedulable("unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
    unschedulable("unschedulable", "no nodes available to schedule pods"),
    unschedulable(
        "unschedulable",
        "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate,"
        + NO_VICTIMS,
    ),
    StartCase(
        "unschedulable-memory",
        True,
        make_pod(
            phase="Failed",
            reason="OutOfmemory",
            message="Pod was rejected: Node didn't have enough resource: memory, requested: "
            "1073741824, used: 4294967296, capacity: 4294967296",
        ),
    ),
    StartCase("unschedulable-cpu", True, make_pod(phase="Failed", reason="OutOfcpu")),
    StartCase("unschedulable", True, make_pod(phase="Failed", reason="OutOfpods")),
    StartCase("unschedulable", True, make_pod(phase="Failed", reason="UnexpectedAdmissionError")),
    StartCase("unschedulable", True, make_pod(phase="Failed", reason="PodOSNotSupported")),
    StartCase("unschedulable-taint", True, make_pod(phase="Failed", reason="TaintToleration")),
]

IMAGE_CASES = [
    image("image-not-found", True, "ErrImagePull", f"{PULL}{IMAGE}: not found"),
    image(
        "image-not-found",
        True,
        "ImagePullBackOff",
        f"{BACK_OFF}: ErrImagePull: rpc error: code = NotFound desc = {PULL}{IMAGE}: not found",
    ),
    # Before 1.32 the event alone says why.
    image(
        "image-not-found",
        True,
        "ImagePullBackOff",
        BACK_OFF,
        make_event("Failed", f'Failed to pull image "{IMAGE}": {PULL}{IMAGE}: not found', 3),
        make_event("Failed", "Error: ErrImagePull", 4),
        make_event("BackOff", BACK_OFF, 5),
    ),
    image(
        "image-not-found",
        True,
        "ImagePullBackOff",
        f"{BACK_OFF}: ErrImagePull: reading manifest 1 in registry.example/gateway/user: "
        "manifest unknown",
    ),
    image("image-not-found", True, "ErrImagePull", "no match for platform in manifest: not found"),
    image(
        "image-not-found",
        True,
        "InvalidImageName",
        'Failed to apply default image tag "Gateway/User:1": couldn\'t parse image name: invalid '
        "reference format: repository name must be lowercase",
    ),
    image(
        "image-not-found",
        True,
        "ErrImageNeverPull",
        f'Container image "{IMAGE}" is not present with pull policy of Never',
    ),
    StartCase(
        "image-not-found",
        True,
        make_pod(
            status("notebook", INITIALIZING),
            init=[status("gateway-home", waiting("ErrImagePull", f"{HUB_IMAGE}: not found"))],
        ),
    ),
    image(
        "image-pull-denied",
        True,
        "ImagePullBackOff",
        f"{BACK_OFF}: ErrImagePull: {PULL}pull access denied, repository does not exist or may "
        "require authorization: server message: insufficient_scope: authorization failed",
    ),
    image(
        "image-pull-denied",
        True,
        "ErrImagePull",
        f"{PULL}failed to authorize: failed to fetch anonymous token: unexpected status from GET "
        "request to https://ghcr.io/token?scope=repository%3Auser%3Apull&service=ghcr.io: 403 "
        "Forbidden",
    ),
    image(
        "image-pull-denied",
        True,
        "ErrImagePull",
        f"{PULL}pulling from host registry.example failed with status code [manifests 404]: 401 "
        "Unauthorized",
    ),
    image(
        "image-pull-denied",
        True,
        "ErrImagePull",
        "unable to retrieve auth token: invalid username/password: unauthorized",
    ),
    image(
        "image-pull-denied",
        True,
        "SignatureValidationFailed",
        f"image pull failed for {IMAGE} because the signature validation failed: no signature",
    ),
    image(
        "image-pull-slow",
        False,
        "ErrImagePull",
        f'{PULL}failed to do request: Head "https://registry.example/v2/gateway/user/manifests/1": '
        "dial tcp: lookup registry.example on 10.96.0.10:53: no such host",
    ),
    image(
        "image-pull-slow",
        False,
        "ImagePullBackOff",
        f"{BACK_OFF}: ErrImagePull: {PULL}unexpected status from HEAD request to "
        "https://registry.example/v2/gateway/user/manifests/1: 503 Service Unavailable",
    ),
    image(
        "image-pull-slow",
        False,
        "ErrImagePull",
        "toomanyrequests: You have reached your unauthenticated pull rate limit.",
    ),
    image("image-pull-slow", False, "ImagePullBackOff", BACK_OFF),
    image(
        "image-pull-slow",
        False,
        "RegistryUnavailable",
        f"image pull failed for {IMAGE} because the registry is unavailable: EOF",
    ),
    StartCase(
        "image-pull-slow",
        False,
        SOON,
        [make_event("Pulling", f'Pulling image "{IMAGE}"', 0, container="notebook")],
        NOON_SECONDS + 61,
    ),
    StartCase(
        "pulling-image",
        False,
        SOON,
        [
            make_event("Pulling", f'Pulling image "{IMAGE}"', 4, container="notebook"),
            make_event("Scheduled", "Successfully assigned users/jupyter-ada to node-1", 3),
        ],
        NOON_SECONDS + 60,
    ),
    # In the second in which the init container began.
    StartCase(
        "pulling-image",
        False,
        make_notebook(INITIALIZING),
        [
            make_event("Pulling", f'Pulling image "{IMAGE}"', 4, container="notebook"),
            make_event("Started", "Started container gateway-home", 4, container="gateway-home"),
        ],
    ),
    StartCase(
        "starting",
        False,
        make_notebook(INITIALIZING),
        [
            make_event("Pulled", f'Successfully pulled image "{IMAGE}"', 4, container="notebook"),
            make_event("Pulling", f'Pulling image "{IMAGE}"', 4, container="notebook"),
        ],
    ),
]

MOUNT_CASES = [
    mounting("mount-failed", False, make_event("FailedMount", ACCESS_DENIED, count=1)),
    mounting("mount-failed", True, make_event("FailedMount", ACCESS_DENIED, count=4)),
    mounting("mount-failed", True, make_event("FailedMount", NO_DIRECTORY, count=4)),
    # The newest says the least.
    mounting(
        "mount-failed",
        True,
        make_event("FailedMount", NOT_MOUNTED, 40),
        make_event("FailedMount", ACCESS_DENIED, 30, count=9),
    ),
    mounting("mount-failed", False, make_event("FailedMount", NO_SECRET, count=6)),
    mounting("mount-failed", True, make_event("FailedMount", NO_SECRET, count=7)),
    mounting("mount-failed", False, make_event("FailedMount", NOT_MOUNTED, count=20)),
    mounting(
        "mount-failed",
        False,
        make_event(
            "FailedAttachVolume",
            'Multi-Attach error for volume "pv-1" Volume is already used by 1 pod(s) in different '
            "namespaces",
            count=9,
        ),
    ),
    StartCase(
        "mount-failed",
        True,
        make_notebook(
            waiting(
                "CreateContainerConfigError",
                'failed to prepare subPath for volumeMount "homes" of container "notebook"',
            )
        ),
    ),
    mounting(
        "mounting",
        False,
        make_event("SuccessfulAttachVolume", 'AttachVolume.Attach succeeded for volume "pv-1"', 7),
        make_event("FailedAttachVolume", "rpc error: code = Unavailable", 6),
    ),
    mounting(
        "mounting",
        False,
        make_event(
            "VolumePermissionChangeInProgress",
            "Setting volume ownership for pvc is taking longer than expected, consider using "
            "OnRootMismatch",
        ),
    ),
    # What went wrong once is over when a container runs.
    StartCase(
        "starting",
        False,
        make_notebook(RUNNING, phase="Running"),
        [make_event("FailedMount", ACCESS_DENIED, count=9)],
    ),
]

INIT_CASES = [
    StartCase("home-refused", True, make_init(ended(1, message=REFUSAL))),
    StartCase(
        "home-refused", True, make_init(waiting("CrashLoopBackOff"), ended(1, message=REFUSAL), 2)
    ),
    StartCase("init-failed", True, make_init(ended(137, "OOMKilled"))),
    StartCase("init-failed", True, make_init(ended(1, message="[1]"))),
    StartCase(
        "init-failed",
        True,
        make_init(ended(1, message="disk quota exceeded"), name="gateway-files"),
    ),
    StartCase("init-failed", False, make_init(ended(1), name="fetch-data")),
    StartCase("init-failed", False, make_init(RUNNING, ended(1), 1, name="fetch-data")),
    StartCase(
        "init-failed",
        True,
        make_init(waiting("CrashLoopBackOff"), ended(1), 1, name="fetch-data"),
    ),
    StartCase("starting", False, make_init(RUNNING)),
    StartCase("starting", False, make_init(RUNNING, name="fetch-data")),
    # A side-car of Kubernetes 1.29 and later.
    StartCase(
        "starting",
        False,
        make_pod(status("notebook", RUNNING), init=[status("proxy", RUNNING)], phase="Running"),
    ),
]

CONTAINER_CASES = [
    StartCase("starting", False, make_notebook(RUNNING, phase="Running")),
    StartCase("starting", False, PENDING),
    StartCase("starting", False, make_pod()),
    mounting(
        "starting",
        False,
        make_event(
            "FailedCreatePodSandBox",
            'Failed to create pod sandbox: plugin type="bridge" failed (add): no IP addresses '
            "available",
        ),
    ),
    StartCase(
        "starting",
        False,
        make_notebook(waiting("CreateContainerError", "context deadline exceeded")),
    ),
    notebook("crash-at-start", ended(1)),
    notebook("crash-at-start", ended(0, "Completed")),
    notebook("crash-at-start", waiting("CrashLoopBackOff", "back-off 10s"), ended(1), 1),
    # It died once and is tried again: it will die again.
    notebook("crash-at-start", RUNNING, ended(1), 1),
    notebook("crash-at-start", ended(128, "StartError", NO_COMMAND)),
    notebook("crash-at-start", ended(127, message="jupyterhub-singleuser: not found")),
    notebook("crash-at-start", waiting("RunContainerError", NO_COMMAND)),
    StartCase(
        "crash-at-start",
        True,
        make_pod(status("notebook", RUNNING), status("proxy", ended(2)), phase="Running"),
    ),
    # A part that is done lets the others go on.
    StartCase(
        "starting",
        False,
        make_pod(status("notebook", RUNNING), status("proxy", DONE), phase="Running"),
    ),
    StartCase(
        "crash-at-start", True, make_pod(init=[status("gateway-home", DONE)], phase="Failed")
    ),
    notebook("oom-at-start", ended(137, "OOMKilled")),
    notebook("oom-at-start", waiting("CrashLoopBackOff"), ended(137, "OOMKilled"), 1),
    notebook("oom-at-start", ended(128, "StartError", TOO_LITTLE)),
    notebook("misconfigured", waiting("CreateContainerConfigError", 'secret "keys" not found')),
    notebook(
        "misconfigured",
        waiting("CreateContainerConfigError", "couldn't find key token in Secret users/keys"),
    ),
    notebook(
        "misconfigured",
        waiting(
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root (pod: jupyter-ada)",
        ),
    ),
    notebook(
        "misconfigured",
        waiting(
            "CreateContainerError",
            'failed to generate container "abc" spec: failed to apply OCI options: no command '
            "specified",
        ),
    ),
]

POD_END_CASES = [
    StartCase("deleted", True, make_pod(metadata={"deletionTimestamp": NOON})),
    StartCase("evicted", True, make_pod(phase="Failed", reason="Evicted", message=LOW_MEMORY)),
    StartCase("evicted", True, make_pod(phase="Failed", reason="Preempting")),
    StartCase(
        "evicted",
        True,
        make_pod(metadata={"deletionTimestamp": NOON}),
        [make_event("Preempted", "Preempted by pod 1234 on node node-1")],
    ),
    StartCase("node-lost", True, make_pod(phase="Failed", reason="NodeShutdown")),
    StartCase(
        "node-lost",
        True,
        make_pod(
            conditions=[SCHEDULED, {"type": "Ready", "status": "False", "reason": "NodeLost"}]
        ),
    ),
    StartCase("node-lost", False, PENDING, [make_event("NodeNotReady", "Node is not ready")]),
]

START_CASES = [
    *SCHEDULING_CASES,
    *IMAGE_CASES,
    *MOUNT_CASES,
    *INIT_CASES,
    *CONTAINER_CASES,
    *POD_END_CASES,
]


def make_ended(state: dict, last: dict | None = None, restarts: int = 0, **more) -> dict:
    return make_notebook(state, last, restarts, **{"phase": "Running", **more})


END_CASES = [
    EndCase("deleted", None),
    EndCase("deleted", make_ended(RUNNING, metadata={"deletionTimestamp": NOON})),
    EndCase("evicted", None, [make_event("Evicted", LOW_MEMORY), make_event("Killing", "Stop", 1)]),
    EndCase(
        "evicted", make_ended(ended(137), phase="Failed", reason="Evicted", message=LOW_MEMORY)
    ),
    EndCase(
        "evicted",
        make_ended(
            ended(137),
            phase="Failed",
            reason="Evicted",
            message='Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". ',
        ),
    ),
    EndCase(
        "evicted",
        make_ended(
            ended(137),
            phase="Failed",
            reason="Evicted",
            message="The node was low on resource: pids. ",
        ),
    ),
    EndCase("evicted", make_ended(RUNNING, conditions=[SCHEDULED, lost("EvictionByEvictionAPI")])),
    EndCase("evicted", make_ended(RUNNING, conditions=[SCHEDULED, lost("PreemptionByScheduler")])),
    EndCase("node-lost", None, [make_event("TaintManagerEviction", "Marking for deletion Pod a")]),
    EndCase(
        "deleted", None, [make_event("TaintManagerEviction", "Cancelling deletion of Pod users/a")]
    ),
    EndCase("node-lost", make_ended(RUNNING, reason="NodeLost")),
    EndCase("node-lost", make_ended(RUNNING, phase="Unknown")),
    EndCase("node-lost", make_ended(RUNNING, conditions=[lost("DeletionByTaintManager")])),
    EndCase("node-lost", make_ended(RUNNING, conditions=[lost("DeletionByPodGC")])),
    EndCase("node-lost", make_ended(ended(137), phase="Failed", reason="Terminated")),
    EndCase("node-lost", make_ended(ended(137, "ContainerStatusUnknown"), phase="Failed")),
    EndCase("node-lost", make_ended(RUNNING), [make_event("NodeNotReady", "Node is not ready")]),
    EndCase("oom", make_ended(ended(137, "OOMKilled"), phase="Failed")),
    EndCase("oom", make_ended(waiting("CrashLoopBackOff"), ended(137, "OOMKilled"), 1)),
    EndCase("crashed", make_ended(ended(1), phase="Failed")),
    EndCase("crashed", make_ended(waiting("CrashLoopBackOff"), ended(139), 1)),
    EndCase("ended", make_ended(ended(0, "Completed"), phase="Succeeded")),
    EndCase("ended", make_ended(ended(143), phase="Failed")),
    EndCase("ended", make_ended(ended(137), phase="Failed", reason="DeadlineExceeded")),
    EndCase("ended", make_ended(RUNNING)),
    EndCase("ended", {}),
]

RESTART_CASES = [
    RestartCase("oom", make_ended(RUNNING, ended(137, "OOMKilled"), 1)),
    RestartCase("oom", make_ended(waiting("CrashLoopBackOff"), ended(137, "OOMKilled"), 2)),
    RestartCase("crashed", make_ended(RUNNING, ended(139), 1)),
]

_POD = 'pods "jupyter-ada" is forbidden: '

ANSWER_CASES = [
    AnswerCase("api-unavailable", False, 0, ""),
    AnswerCase("api-unavailable", False, 429, "too many requests, please try again later"),
    AnswerCase("api-unavailable", False, 500, "resource quota evaluation timed out"),
    AnswerCase(
        "api-unavailable",
        False,
        500,
        'Internal error occurred: failed calling webhook "w.example": context deadline exceeded',
    ),
    AnswerCase("api-unavailable", False, 504, "Timeout: request did not complete within 34s"),
    AnswerCase(
        "api-unavailable",
        False,
        409,
        'Operation cannot be fulfilled on resourcequotas "small": the object has been modified',
    ),
    AnswerCase("api-unavailable", False, 409, 'pods "jupyter-ada" already exists'),
    AnswerCase("api-unavailable", False, 403, f"{_POD}status unknown for quota: small"),
    AnswerCase(
        "quota",
        True,
        403,
        f"{_POD}exceeded quota: small, requested: limits.memory=2Gi,requests.memory=1Gi, used: "
        "limits.memory=6Gi,requests.memory=4Gi, limited: limits.memory=7Gi,requests.memory=4Gi",
    ),
    AnswerCase(
        "quota",
        True,
        403,
        f"{_POD}exceeded quota: small, requested: pods=1, used: pods=10, limited: pods=10",
    ),
    # More than all of it.
    AnswerCase(
        "quota",
        True,
        403,
        f"{_POD}exceeded quota: small, requested: limits.memory=8Gi, used: limits.memory=0, "
        "limited: limits.memory=4Gi",
    ),
    AnswerCase("quota", True, 403, f"{_POD}insufficient quota to consume: pods"),
    AnswerCase(
        "admission-refused",
        True,
        403,
        f"{_POD}maximum memory usage per Pod is 4Gi, but limit is 8589934592",
    ),
    AnswerCase(
        "admission-refused",
        True,
        403,
        f"{_POD}minimum memory usage per Container is 64Mi, but request is 32Mi",
    ),
    AnswerCase(
        "admission-refused",
        True,
        400,
        'admission webhook "validate.kyverno.svc-fail" denied the request: \n\nresource Pod/users/'
        "jupyter-ada was blocked due to the following policies",
    ),
    AnswerCase(
        "admission-refused",
        True,
        422,
        f"{_POD}ValidatingAdmissionPolicy 'images' with binding 'users' denied request: not ours",
    ),
    AnswerCase(
        "admission-refused",
        True,
        403,
        f"{_POD}unable to create new content in namespace users because it is being terminated",
    ),
    AnswerCase("admission-refused", True, 403, f"{_POD}some plugin of this site says no"),
    AnswerCase(
        "forbidden-by-policy",
        True,
        403,
        f'{_POD}violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
        '(container "notebook" must set securityContext.allowPrivilegeEscalation=false)',
    ),
    AnswerCase(
        "forbidden",
        True,
        403,
        'pods is forbidden: User "system:serviceaccount:hub:hub" cannot create resource "pods" in '
        'API group "" in the namespace "users"',
    ),
    AnswerCase("forbidden", True, 401, "Unauthorized"),
    AnswerCase(
        "misconfigured",
        True,
        403,
        f'{_POD}error looking up service account users/none: serviceaccount "none" not found',
    ),
    AnswerCase(
        "misconfigured",
        True,
        403,
        f"{_POD}failed quota: small: must specify limits.memory for: notebook",
    ),
    AnswerCase("api-unavailable", False, 404, "404 page not found"),
    AnswerCase("misconfigured", True, 404, 'namespaces "users" not found'),
    AnswerCase("misconfigured", True, 413, "Request entity too large: limit is 3145728"),
    AnswerCase(
        "misconfigured",
        True,
        422,
        'Pod "jupyter-ada" is invalid: spec.containers[0].volumeMounts[1].mountPath: Invalid '
        'value: "/home": must be unique',
    ),
    AnswerCase("misconfigured", True, 400, "Pod in version v1 cannot be handled as a Pod"),
]

TIMEOUT_CASES = [
    TimeoutCase("timeout", None),
    TimeoutCase("timeout", "starting"),
    TimeoutCase("timeout", "scheduling"),
    TimeoutCase("timeout", "mounting"),
    *(
        TimeoutCase(code, code)
        for code in (
            "unschedulable",
            "unschedulable-cpu",
            "unschedulable-memory",
            "unschedulable-taint",
            "unschedulable-volume",
            "image-pull-slow",
            "pulling-image",
            "mount-failed",
            "init-failed",
            "node-lost",
            "api-unavailable",
        )
    ),
]

LINE_CASES = [LineCase("no-room", 0, False), LineCase("no-room", 600, True)]

CASES = [
    *START_CASES,
    *END_CASES,
    *RESTART_CASES,
    *ANSWER_CASES,
    *TIMEOUT_CASES,
    *LINE_CASES,
]
