"""How long a start takes, on real pods: ``make bench``."""
