"""A real Kubernetes for the tests, on one machine, from package registries alone.

``python -m tests.cluster up`` starts it; see README.md beside this file.
"""
