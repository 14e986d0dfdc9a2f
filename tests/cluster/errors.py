"""What stops the cluster from coming up, in a sentence for the person who started it."""


class ClusterError(Exception):
    """The cluster cannot do what was asked; the message says why and what to do next."""


class RequirementError(ClusterError):
    """This machine lacks what the cluster needs. Nothing of the project is at fault."""
