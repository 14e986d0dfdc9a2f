"""Which pods are orphans and which servers are lost, and that reconcilers can't do harm."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jhub_gateway.policy.reconciliation import (
    Adopt,
    Free,
    Pod,
    Reap,
    Rules,
    Server,
    decide,
    find_strangers,
    make_lease_name,
)

RULES = Rules("north", "d1", reap_after=300, start_timeout=600, is_elected=True)
POD = Pod("jupyter-ada", "u1", "north", "d1", "s1")
SERVER = Server("ada", "", "jupyter-ada", "s1", is_watched=True)
REAP, FREE, ADOPT = Reap("jupyter-ada", "u1"), Free("ada", "", "s1"), Adopt("ada", "", "s1")


def see(servers=(), pods=(), rules=RULES, times=(0, 1000, 2000)):
    """Return what is done at each of these times if nothing changes."""
    seen, done = {}, []
    for now in times:
        acts, seen = decide(rules, servers, pods, seen, now)
        done.append(acts)
    return done


def test_a_running_server_is_left():
    assert see([SERVER], [POD]) == [[], [], []]


def test_an_orphan_is_reaped_once_its_grace_is_over_since_it_was_first_seen():
    assert see([], [POD], times=(5, 304, 305, 306)) == [[], [], [REAP], [REAP]]


def test_the_grace_begins_anew_for_a_pod_that_had_a_server_in_between():
    _, seen = decide(RULES, [], [POD], {}, 0)
    _, seen = decide(RULES, [SERVER], [POD], seen, 200)
    acts, seen = decide(RULES, [], [POD], seen, 301)
    assert (acts, seen) == ([], {REAP: 301})


def test_nothing_is_reaped_at_first_sight_even_without_a_grace():
    assert see([], [POD], replace(RULES, reap_after=0), times=(0, 0)) == [[], [REAP]]


@pytest.mark.parametrize(
    "pod",
    [
        replace(POD, hub="south"),
        replace(POD, hub=None),
        replace(POD, database="d2"),
        replace(POD, database=""),
        replace(POD, database=None),
        replace(POD, is_ending=True),
    ],
)
def test_what_is_another_hubs_or_databases_or_ends_already_is_never_reaped(pod):
    assert see([], [pod]) == [[], [], []]


def test_a_hub_that_does_not_know_its_database_reaps_nothing():
    rules = replace(RULES, database_id="")
    assert see([], [replace(POD, database="")], rules) == [[], [], []]


def test_the_pod_of_an_earlier_start_is_an_orphan():
    pods = [replace(POD, start_id="s0")]
    assert see([SERVER], pods, times=(0, 300))[1] == [REAP, FREE]


@pytest.mark.parametrize(
    ("server", "pod"),
    [
        (replace(SERVER, start_id=None), POD),
        (SERVER, replace(POD, start_id=None)),
        (replace(SERVER, is_pending=True, start_id="s2"), POD),
        (replace(SERVER, is_pending=True, is_stored=False), POD),
        (replace(SERVER, is_stored=False), POD),
    ],
    ids=["older server", "older pod", "is starting", "is stopping", "memory alone knows"],
)
def test_a_pod_that_may_be_a_servers_is_left(server, pod):
    assert not any(REAP in acts for acts in see([server], [pod]))


def test_a_server_that_stopped_claims_no_pod():
    stopped = replace(SERVER, is_stored=False, is_watched=False)
    assert see([stopped], [POD], times=(0, 300)) == [[], [REAP]]


def test_a_server_whose_pod_is_gone_is_freed_when_that_was_seen_twice():
    assert see([SERVER], [], times=(0, 1)) == [[], [FREE]]


def test_a_server_that_starts_or_stops_is_left():
    assert see([replace(SERVER, is_pending=True)], []) == [[], [], []]


def test_a_running_server_that_nobody_watches_is_adopted():
    lost = replace(SERVER, is_watched=False)
    assert see([lost], [POD], times=(0, 1)) == [[], [ADOPT]]
    assert see([lost], [replace(POD, is_ending=True)]) == [[], [], []]


def test_what_nobody_watches_and_has_no_pod_is_freed_once_no_start_can_make_one():
    lost = replace(SERVER, is_watched=False)
    assert see([lost], [], times=(0, 599, 600)) == [[], [], [FREE]]


def test_without_a_lease_another_hubs_servers_are_left():
    lost = replace(SERVER, is_watched=False)
    rules = replace(RULES, is_elected=False)
    assert see([lost], [POD], rules) == see([lost], [], rules) == [[], [], []]


def test_a_pod_is_read_from_its_metadata():
    metadata = {
        "name": "a",
        "uid": "u",
        "labels": {"jhub-gateway/hub": "north", "jhub-gateway/database": "d1"},
        "annotations": {"jhub-gateway/start-id": "s1"},
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    }
    assert Pod.make(metadata) == Pod("a", "u", "north", "d1", "s1", is_ending=True)
    assert Pod.make({"name": "a", "uid": "u"}) == Pod("a", "u", None)


def test_strangers_bear_the_name_and_have_another_database():
    stranger, unmarked = replace(POD, database="d2"), replace(POD, database=None)
    pods = [POD, stranger, unmarked, replace(POD, hub="south", database="d2")]
    assert find_strangers("north", "d1", pods) == [stranger, unmarked]


@given(st.text(min_size=1), st.text(min_size=1))
def test_hubs_have_leases_of_their_own(one, other):
    names = make_lease_name(one), make_lease_name(other)
    assert (names[0] == names[1]) == (one == other)
    assert all(name.isascii() and name == name.lower() for name in names)


def test_a_lease_is_named_as_its_hub_where_that_can_be():
    assert make_lease_name("jupyterhub") == "jhub-gateway-jupyterhub"
    assert make_lease_name("North_1") != make_lease_name("north_1")


# Several reconcilers, in any order of their steps


@dataclass
class Hub:
    """A hub with its database, and its reconciler between two of its steps."""

    name: str
    database: str
    rows: dict[str, str | None]  # the start id by user; None once it has stopped
    seen: dict = field(default_factory=dict)
    listed: list[Pod] = field(default_factory=list)
    acts: list = field(default_factory=list)

    def get_pod_name(self, user):
        return f"jupyter-{user}-{self.name}-{self.database}"

    @property
    def servers(self):
        return [
            Server(user, "", self.get_pod_name(user), start, is_watched=True)
            for user, start in self.rows.items()
            if start
        ]


HUBS = st.integers(0, 3)
USERS = st.sampled_from(["ada", "grace"])


class Cluster(RuleBasedStateMachine):
    """Hubs start, stop and lose servers; each reconciler lists, decides and acts by itself."""

    @initialize()
    def begin(self):
        self.now, self.made = 0, 0
        self.pods = {}
        self.reaped = []
        first = {}
        self.hubs = [
            Hub("north", "d1", first),
            Hub("north", "d1", first),
            Hub("north", "d2", {}),
            # Its database was copied from the first one's.
            Hub("south", "d1", {}),
        ]

    @rule(which=HUBS, user=USERS, is_killed=st.booleans())
    def start(self, which, user, is_killed):
        """The id is stored before there is a pod; in between a hub may be killed."""
        hub = self.hubs[which]
        name = hub.get_pod_name(user)
        if hub.rows.get(user) or name in self.pods:
            return
        self.made += 1
        hub.rows[user] = start = f"s{self.made}"
        if not is_killed:
            self.pods[name] = Pod(name, f"u{self.made}", hub.name, hub.database, start)

    @rule(which=HUBS, user=USERS, is_killed=st.booleans())
    def stop(self, which, user, is_killed):
        """A hub that is killed while it stops a server may leave the pod."""
        hub = self.hubs[which]
        hub.rows[user] = None
        if not is_killed:
            self.pods.pop(hub.get_pod_name(user), None)

    @rule(which=HUBS, user=USERS)
    def replace_pod(self, which, user):
        """Somebody deletes it by hand, and a start makes another of that name."""
        self.pods.pop(self.hubs[which].get_pod_name(user), None)
        self.hubs[which].rows[user] = None
        self.start(which, user, False)

    @rule(seconds=st.sampled_from([1, 150, 301]))
    def wait(self, seconds):
        self.now += seconds

    @rule(which=HUBS)
    def look(self, which):
        self.hubs[which].listed = list(self.pods.values())

    @rule(which=HUBS, is_elected=st.booleans())
    def decide(self, which, is_elected):
        hub = self.hubs[which]
        rules = Rules(hub.name, hub.database, 300, 600, is_elected)
        hub.acts, hub.seen = decide(rules, hub.servers, hub.listed, hub.seen, self.now)

    @rule(which=HUBS)
    def reconcile_twice(self, which):
        """What happens when nothing comes in between."""
        for _ in range(2):
            self.look(which)
            self.decide(which, True)
            self.now += 300
        self.act(which)

    @rule(which=HUBS)
    def act(self, which):
        hub = self.hubs[which]
        acts, hub.acts = hub.acts, []
        for act in acts:
            pod = self.pods.get(getattr(act, "pod_name", None))
            # The API server refuses to delete another than the one of that UID.
            if pod is not None and pod.uid == act.uid:
                assert (pod.hub, pod.database) == (hub.name, hub.database)
                assert pod.start_id not in hub.rows.values()
                self.reaped.append(pod.uid)
                del self.pods[act.pod_name]

    @invariant()
    def nothing_was_done_twice(self):
        assert len(self.reaped) == len(set(self.reaped))


Cluster.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestCluster = Cluster.TestCase
