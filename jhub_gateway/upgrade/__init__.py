"""From one release to the next: ``jhub-gateway upgrade`` and ``jhub-gateway database``.

All off, change, all on, and never back: users' servers alone go on where nothing speaks against it.
"""
