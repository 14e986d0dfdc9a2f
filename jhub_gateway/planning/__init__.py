"""``jhub-gateway plan``: sizes of servers and numbers of nodes, before anything is bought.

What asks a cluster or reads files is ``command`` and ``cluster_nodes``; all else is arithmetic.
"""
