"""Logging in at the gateway: what every provider has in common, and what each has of its own."""
