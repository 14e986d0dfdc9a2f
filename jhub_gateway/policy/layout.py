"""The folders and files at the root of the shared volume. Their meaning has a version.

``LAYOUT`` is what this release works with. 1 is a share with homes and no marker file, as the
first development versions made it; 2 is what is written here.
"""

LAYOUT = 2

MARKER = "jhub-gateway.json"  # {"layout": 2}
HOMES = "homes"  # a directory per identity
GROUPS = "groups"  # a directory per shared folder
DATASETS = "datasets"  # what the operator puts there; users read it
TUTORIALS = "tutorials"  # a directory per release; the folder of the same name in homes gets them
OWNERS = "owners"  # whose each home is; no user's server mounts it
NAMES = "names"  # which home a user name had last; no user's server mounts it
USAGE = "usage"  # how much each home and dataset takes
BACKUPS = "backups"  # of the hub's database, before upgrades; no user's server mounts it

DATA_LINK = "gateway"  # in each home: leads to the owner's groups/ and datasets/
