"""``jhub-gateway plan``: sizes of servers and numbers of nodes, before anything is bought.

``command``, ``cluster_nodes`` and ``site_profiles`` ask and read; all else is arithmetic.
"""
