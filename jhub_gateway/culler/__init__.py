"""The service that stops servers which nobody needs: ``jhub-gateway cull``.

It decides by :mod:`jhub_gateway.policy.culling`, and holds nothing that matters: warnings, and what
users were granted, are the hub's. Several of it are harmless.
"""
