"""The way back: the hub's database as a backup has it. An older release is installed after it."""

from datetime import UTC, datetime

from jhub_gateway.upgrade.cluster import Cluster
from jhub_gateway.upgrade.locking import LEASE_SECONDS, hold_lock
from jhub_gateway.upgrade.models import Wanted
from jhub_gateway.upgrade.record import make_backup_path
from jhub_gateway.upgrade.steps import Say, Settings, Steps


async def restore_backup(
    cluster: Cluster,
    wanted: Wanted,
    settings: Settings,
    backup: str,
    say: Say,
    lease_seconds: float = LEASE_SECONDS,
) -> str:
    """Stop the hub, and put the backup in the place of its database; the hub stays off.

    ``backup`` is the backup's path in its claim. What the database was until now is backed up
    before; return where. Raises UpgradeError.
    """
    async with hold_lock(cluster.client, cluster.namespace, say, lease_seconds):
        steps = Steps(cluster, wanted, settings, say)
        await steps.check_backup(backup)
        await steps.switch_off()
        before = make_backup_path("before-restore", datetime.now(UTC))
        await steps.write_backup(before)
        # What was done to the database is done no more.
        await cluster.remove_record()
        await steps.read_backup(backup)
    return before
