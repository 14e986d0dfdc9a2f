"""What the hub sees of its pods without asking: watches that go on whatever happens."""
