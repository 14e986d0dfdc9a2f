"""What keeps the demo from starting, in a sentence for the person who started it."""


class DemoError(Exception):
    """The demo cannot go on; the message is one sentence that says why and what to do next."""
