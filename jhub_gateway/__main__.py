"""``python -m jhub_gateway`` is the command ``jhub-gateway``."""

import sys

from jhub_gateway.cli import main

sys.exit(main())
