"""An upgrade at the real API server: its steps, its record and its lock. No pod runs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.kubeconfig import open_client
from jhub_gateway.upgrade.locking import hold_lock
from jhub_gateway.upgrade.look import look
from jhub_gateway.upgrade.record import Record, read_config_map
from jhub_gateway.upgrade.restoring import restore_backup
from jhub_gateway.upgrade.run import run_upgrade
from jhub_gateway.upgrade.steps import Patience
from tests.fixtures.cluster import Namespace
from tests.integration.upgrade_site import NEW, PATIENCE, WANTED, Site, make_release

LEASE_SECONDS = 2.0
JOBS = ["check", "back-up", "migrate-share", "migrate-database"]


@pytest.fixture(autouse=True)
def _ask_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jhub_gateway.upgrade.waiting._INTERVAL", 0.2)


@pytest.fixture
async def site(namespace: Namespace) -> AsyncIterator[Site]:
    """A hub of 0.2.0 that runs."""
    async with open_client(namespace.kubeconfig, None) as (client, _):
        site = Site(client, namespace)
        site.make_hub()
        async with site.kubelet():
            await site.wait_for_hub_pods(1)
            yield site


async def upgrade(site: Site, said: list[str] | None = None, **changes) -> Record:
    say = (said if said is not None else []).append
    settings = site.make_settings(**changes)
    target = site.release
    async with asyncio.timeout(60):
        return await run_upgrade(site, WANTED, target, settings, say, LEASE_SECONDS)


async def test_all_steps_are_taken_and_servers_go_on(site: Site):
    site.make_server("jupyter-ada")
    before = await site.list_user_pods("jupyterhub")
    assert len(before) == 1
    record = await upgrade(site, notice=0.1)
    assert site.jobs == JOBS
    assert "Your server goes on running." in site.told[0]
    assert record.is_finished
    assert record.pods == before == await site.list_user_pods("jupyterhub")
    hub = await site.read_hub()
    assert hub["spec"]["template"]["spec"]["containers"][0]["image"] == NEW
    assert hub["status"]["readyReplicas"] == 1
    assert read_config_map(await site.find_record()) == record
    # The next one begins from there.
    found = await look(site, "jupyterhub")
    assert (found.version, found.chart) == ("0.3.0", "jupyterhub-4.4.0")


async def test_an_interrupted_upgrade_goes_on_where_it_was(site: Site):
    site.make_server("jupyter-ada")
    site.fails = "migrate-share"
    with pytest.raises(UpgradeError, match="migrate-share has failed"):
        await upgrade(site)
    assert site.get_replicas() == 0
    # A plan made meanwhile knows what the hub was.
    assert (await look(site, "jupyterhub")).version == "0.2.0"
    site.space.kubectl("scale", "deployment/hub", "--replicas=1")  # somebody has no patience

    site.fails, site.jobs = "", []

    async def fail() -> int:
        assert site.get_replicas() == 0
        return 3

    with pytest.raises(UpgradeError, match=r"`helm upgrade` ended with 3. All before it is done"):
        await upgrade(site, start=fail, command="helm upgrade")
    assert site.jobs == ["check", "migrate-share", "migrate-database"]

    site.jobs = []
    record = await upgrade(site)
    assert site.jobs == ["check"]
    assert record.is_finished
    assert record.found.version == "0.2.0"


async def test_what_was_begun_can_be_begun_anew(site: Site):
    site.fails = "migrate-share"
    with pytest.raises(UpgradeError):
        await upgrade(site)
    site.release = make_release("0.3.1")
    with pytest.raises(UpgradeError, match=r"an upgrade to 0.3.0 was begun at .* is not finished"):
        await upgrade(site)
    site.fails, site.jobs = "", []
    with pytest.raises(UpgradeError, match=r"runs jhub-gateway 0.3.0 of .* and not 0.3.1"):
        await upgrade(site, restart=True, patience=Patience(stop=2))
    assert site.jobs == JOBS


async def test_nothing_is_touched_before_a_refusal(site: Site):
    site.release = make_release("0.1.0")
    with pytest.raises(UpgradeError, match="there is no way back"):
        await upgrade(site)
    site.release, site.layout = make_release("0.3.0"), 3
    with pytest.raises(UpgradeError, match="the share has layout 3, of a newer release"):
        await upgrade(site)
    with pytest.raises(UpgradeError, match=r"site.yaml:3: no such setting"):
        await upgrade(site, find_problems=lambda: ["site.yaml:3: no such setting"])
    assert set(site.jobs) == {"check"}
    assert site.get_replicas() == 1
    assert await site.find_record() is None


async def test_servers_are_stopped_only_if_that_is_said(site: Site):
    site.make_server("jupyter-ada")
    site.release = make_release("0.3.0", layout=3)
    with pytest.raises(UpgradeError, match="1 server would be stopped, as the share goes from"):
        await upgrade(site)
    assert len(await site.list_user_pods("jupyterhub")) == 1
    record = await upgrade(site, may_stop=True, notice=0.1)
    assert "Your server is stopped then" in site.told[0]
    assert record.pods == await site.list_user_pods("jupyterhub") == ()


async def test_a_server_that_started_since_is_not_stopped_unasked(site: Site):
    site.release = make_release("0.3.0", layout=3)

    def say(sentence: str) -> None:
        if sentence.startswith("stop-hub:"):
            site.make_server("jupyter-ada")

    async with asyncio.timeout(60):
        with pytest.raises(UpgradeError, match="1 server started while the hub was still there"):
            await run_upgrade(site, WANTED, site.release, site.make_settings(), say, LEASE_SECONDS)
    assert len(await site.list_user_pods("jupyterhub")) == 1
    assert (await upgrade(site, may_stop=True)).is_finished


async def test_servers_that_start_or_end_are_waited_for(site: Site):
    """They may write to the share, too: one has not started yet, one is in its time of grace."""
    site.make_server("jupyter-starts", phase="Pending")
    site.make_server("jupyter-ends")
    hold = '{"metadata": {"finalizers": ["jhub-gateway/test"]}}'
    release = '{"metadata": {"finalizers": null}}'
    words = ("patch", "pod", "jupyter-ends", "--type=merge", "--patch")
    site.space.kubectl(*words, hold)
    site.space.kubectl("delete", "pod", "jupyter-ends", "--wait=false")
    site.release = make_release("0.3.0", layout=3)
    try:
        with pytest.raises(UpgradeError, match="some servers have not ended"):
            await upgrade(site, may_stop=True, patience=replace(PATIENCE, stop=2))
    finally:
        site.space.kubectl(*words, release)
    assert site.jobs == ["check"]
    await upgrade(site, may_stop=True)
    assert await site.list_all_user_pods("jupyterhub") == ()


async def test_servers_that_ended_or_were_lost_meanwhile_are_named(site: Site):
    for name in ("jupyter-ada", "jupyter-grace"):
        site.make_server(name)
    said: list[str] = []

    async def install() -> int:
        await asyncio.to_thread(site.space.kubectl, "delete", "pod", "jupyter-ada")
        return await site.install()

    impatient = {"patience": Patience(stop=2)}
    record = await upgrade(site, said, start=install, **impatient)
    assert record.is_finished
    assert "1 server ended since the hub was stopped: jupyter-ada." in said[-1]
    site.space.kubectl("delete", "configmap", "jhub-gateway-upgrade")
    site.forgets = {"jupyter-grace"}
    with pytest.raises(UpgradeError, match=r"does not list 1 server of .*: jupyter-grace"):
        await upgrade(site, **impatient)


async def test_a_hub_that_is_off_needs_a_word_on_its_version(site: Site):
    await site.scale_hub(0)
    await site.wait_for_hub_pods(0)
    with pytest.raises(UpgradeError, match="say it with --from VERSION"):
        await upgrade(site)
    assert (await upgrade(site, from_version="0.2.0")).is_finished


async def test_the_way_back_leaves_the_hub_off_and_a_backup_of_what_was(site: Site):
    site.fails = "migrate-database"
    with pytest.raises(UpgradeError):
        await upgrade(site)
    site.fails, site.jobs, said = "", [], []
    settings = site.make_settings()
    before = await restore_backup(site, WANTED, settings, "backups/one", said.append, LEASE_SECONDS)
    assert site.jobs == ["look", "back-up", "restore"]
    assert said[0] == f"the backup is {before} of the claim gateway-share"
    assert site.get_replicas() == 0
    assert await site.list_hub_pods() == []
    # What the interrupted upgrade did is not taken for done.
    await upgrade(site, from_version="0.2.0")
    assert site.jobs[3:] == JOBS


async def test_a_backup_that_is_not_there_stops_nothing(site: Site):
    site.fails = "look"
    with pytest.raises(UpgradeError, match=r"has no backup 'backups/on' .*; nothing was stopped"):
        await restore_backup(site, WANTED, site.make_settings(), "backups/on", print, LEASE_SECONDS)
    assert site.jobs == ["look"]
    assert site.get_replicas() == 1


async def test_of_two_runs_one_is_refused(site: Site):
    said: list[str] = []
    async with hold_lock(site.client, site.namespace, said.append, LEASE_SECONDS):
        with pytest.raises(UpgradeError, match="another upgrade of this hub is under way, by"):
            await upgrade(site, said)
    assert site.jobs == []
    assert (await upgrade(site)).is_finished


async def test_the_lease_of_a_run_that_was_killed_is_waited_for(site: Site):
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "jhub-gateway-upgrade"},
        "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 2},
    }
    site.space.kubectl("create", "-f", "-", manifest=lease)
    said: list[str] = []
    async with hold_lock(site.client, site.namespace, said.append, LEASE_SECONDS):
        assert said == ["somebody upgrades this hub, or was killed: waiting for 2 s"]


async def test_who_has_lost_the_lease_stops(site: Site):
    take = '{"spec": {"holderIdentity": "somebody"}}'
    words = ["patch", "lease", "jhub-gateway-upgrade", "--type=merge", "--patch", take]

    async def work() -> None:
        async with hold_lock(site.client, site.namespace, str, LEASE_SECONDS):
            await asyncio.to_thread(site.space.kubectl, *words)
            await asyncio.sleep(20)

    with pytest.raises(UpgradeError, match="somebody upgrades this hub now"):
        await work()


async def test_the_record_is_not_written_over_what_somebody_else_wrote(site: Site):
    record = await upgrade(site)
    stored = await site.find_record()
    await site.write_record(replace(record, image="another"), stored)
    with pytest.raises(UpgradeError, match="409"):
        await site.write_record(record, stored)


async def test_the_namespace_is_the_contexts(namespace: Namespace):
    async with open_client(namespace.kubeconfig, None) as (_, found):
        assert found == "default"
