"""A provider that signs: real keys, the JWKS that names them, and how often it was asked."""

import asyncio
import json
import time
from functools import cache

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from jhub_gateway.clients.signing_keys import SigningKeys

ISSUER = "https://login.gateway.org"
JWKS_URI = ISSUER + "/certs"
CLIENT = "jupyterhub"
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


@cache
def make_private_key(algorithm, number=0, bits=2048):
    """Return a private key for the algorithm; the same one for the same number."""
    if algorithm in CURVES:
        # Not random: PyJWT 2.8 publishes half of the keys of P-521 too short.
        return ec.derive_private_key(1001 + number, CURVES[algorithm]())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class Signer:
    """One key of a provider."""

    def __init__(self, key_id="one", algorithm="RS256", number=0, bits=2048):
        self.key_id, self.algorithm = key_id, algorithm
        family = "RSA" if algorithm[:2] in ("RS", "PS") else algorithm
        self.private = make_private_key(family, number, bits)

    def make_jwk(self, **changes):
        """Return the public key as its provider publishes it; None leaves a member out."""
        text = get_default_algorithms()[self.algorithm].to_jwk(self.private.public_key())
        whole = {**json.loads(text), "alg": self.algorithm, "use": "sig", "kid": self.key_id}
        whole.pop("key_ops", None)
        whole.update(changes)
        return {name: value for name, value in whole.items() if value is not None}

    def sign(self, claims, algorithm=None, **header):
        header = {"kid": self.key_id, **header}
        header = {name: value for name, value in header.items() if value is not None}
        # Not jwt.encode, which signs no claims of a wrong type.
        body = json.dumps(claims).encode()
        return jwt.api_jws.encode(body, self.private, algorithm or self.algorithm, header)


class Provider:
    """Where a SigningKeys fetches: ``document`` is its answer, or the error that it raises."""

    def __init__(self, *signers):
        self.publish(*(signers or [Signer()]))
        self.calls = []
        self.uri = JWKS_URI
        self.now = 1000.0
        self.answering = asyncio.Event()
        self.answering.set()

    def publish(self, *signers):
        self.document = {"keys": [signer.make_jwk() for signer in signers]}

    async def fetch(self, url, **options):
        assert options["follow_redirects"] is False
        assert options["request_timeout"] > 0
        self.calls.append(url)
        await asyncio.sleep(0)
        await self.answering.wait()
        if isinstance(self.document, Exception):
            raise self.document
        return self.document

    async def get_uri(self):
        if isinstance(self.uri, Exception):
            raise self.uri
        return self.uri

    def make_keys(self, **settings):
        return SigningKeys(self.fetch, self.get_uri, clock=lambda: self.now, **settings)


def make_claims(**changes):
    """Return an ID token's claims; a change to None leaves the claim out."""
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 300, **changes}
    return {name: value for name, value in whole.items() if value is not None}
