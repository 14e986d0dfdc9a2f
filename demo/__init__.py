"""The project's first command: a hub with a gateway's login, on one machine or on a cluster."""
