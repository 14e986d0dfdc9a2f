"""How long starts have taken lately at this hub, by profile."""

from jhub_gateway.policy.estimates import RecentStarts

recent_starts = RecentStarts()
"""Those that found room at once."""

recent_node_starts = RecentStarts(fewest=1)
"""Those that a new node came for: that happens too seldom to wait for three of a profile."""
