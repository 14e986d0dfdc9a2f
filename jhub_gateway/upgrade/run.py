"""An upgrade from its beginning, or from where an earlier run stopped, to its end."""

from dataclasses import replace
from datetime import UTC, datetime

from jhub_gateway.clients.kube_requests import Manifest
from jhub_gateway.upgrade.cluster import Cluster
from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.locking import LEASE_SECONDS, hold_lock
from jhub_gateway.upgrade.look import look
from jhub_gateway.upgrade.models import Release, Wanted
from jhub_gateway.upgrade.plan import CHECK, Plan, choose_steps, make_plan
from jhub_gateway.upgrade.record import Record, format_time, read_config_map
from jhub_gateway.upgrade.steps import Say, Settings, Steps


async def run_upgrade(
    cluster: Cluster,
    wanted: Wanted,
    target: Release,
    settings: Settings,
    say: Say,
    lease_seconds: float = LEASE_SECONDS,
) -> Record:
    """Upgrade the hub of this namespace to ``target``; return the record of it.

    One run at a time; an interrupted one is gone on with. Raises UpgradeError with what to do.
    """
    async with hold_lock(cluster.client, cluster.namespace, say, lease_seconds):
        stored = await cluster.find_record()
        record = await _find_begun(stored, target, settings)
        if record is None:
            found = await look(cluster, wanted.hub_name, settings.from_version)
            record = Record.begin(target.version, wanted.image, found, datetime.now(UTC))
        else:
            say(f"going on with the upgrade of {record.started}; done: {', '.join(record.steps)}")
        steps = Steps(cluster, wanted, settings, say)
        say(f"{CHECK}: {wanted.image}")
        plan, record = await _check(steps, target, record)
        stored = await cluster.write_record(record, stored)
        return await _take_all(steps, plan, record, stored)


async def _find_begun(
    stored: Manifest | None, target: Release, settings: Settings
) -> Record | None:
    """Return the upgrade to go on with; None for a new one. Raises UpgradeError."""
    if settings.restart:
        return None
    record = read_config_map(stored)
    if record is None or record.is_finished:
        return None
    if record.to != target.version:
        raise UpgradeError(
            f"an upgrade to {record.to} was begun at {record.started} and is not finished: go on "
            f"with jhub-gateway {record.to}, or begin anew with --restart, and --from "
            f"{record.found.version} where the hub is off"
        )
    return record


async def _check(steps: Steps, target: Release, record: Record) -> tuple[Plan, Record]:
    """Look at the image and the share; return what is to be done. Raises UpgradeError."""
    image, layout = await steps.check()
    if image.version != target.version:
        raise UpgradeError(
            f"{steps.wanted.image} has jhub-gateway {image.version} and this command is of "
            f"{target.version}: name the right image in the values, or use the command of "
            f"{image.version}"
        )
    if record.found.version is None:
        raise UpgradeError(
            "the hub is off, and nothing says which jhub-gateway it had: start it, or say it with "
            "--from VERSION"
        )
    pods = await steps.cluster.list_user_pods(steps.wanted.hub_name)
    found = replace(record.found, layout=layout, pods=pods)
    plan = make_plan(found, image, steps.settings.may_stop)
    if plan.refusals:
        raise UpgradeError("\n".join(plan.refusals))
    steps.say(plan.users)
    image_name = steps.wanted.image
    record = replace(record, image=image_name, found=found, stops_servers=bool(plan.stop_reason))
    return plan, record.note(CHECK, datetime.now(UTC))


async def _take_all(steps: Steps, plan: Plan, record: Record, stored: Manifest) -> Record:
    for name in choose_steps([step.name for step in plan.steps], list(record.steps)):
        if name == CHECK:
            continue
        steps.say(f"{name}: {format_time(datetime.now(UTC))}")
        record = (await steps.take(name, record)).note(name, datetime.now(UTC))
        stored = await steps.cluster.write_record(record, stored)
    return record
