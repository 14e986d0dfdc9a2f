"""What stops the cluster from coming up, in a sentence for the person who started it."""


class ClusterError(Exception):
    """The cluster cannot do what was asked; the message says why and what to do next."""
