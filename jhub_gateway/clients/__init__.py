"""I/O: what the hub asks other systems. Status codes become error classes here."""
