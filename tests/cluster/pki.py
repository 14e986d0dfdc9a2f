"""The certificates of the control plane and the node: one authority, for as long as they run."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .errors import ClusterError
from .paths import PKI, make_private_dir

VALID_DAYS = 365


@dataclass(frozen=True)
class Credential:
    """The files of one key and its certificate."""

    key: Path
    certificate: Path


class Authority:
    """The certificate authority, made anew with each control plane."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self._name = _make_name("jhub-gateway-test-ca")
        self.certificate = PKI / "ca.crt"

    @classmethod
    def make(cls) -> "Authority":
        """A new one, whose key and certificate are kept beside those that it issues."""
        make_private_dir(PKI)
        own = cls(ec.generate_private_key(ec.SECP256R1()))
        certificate = (
            own._make_builder(own._name, own._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(own._key, hashes.SHA256())
        )
        _write_key("ca", own._key)
        _write_certificate("ca", certificate)
        return own

    @classmethod
    def load(cls) -> "Authority":
        """That of the control plane that runs."""
        if not (PKI / "ca.key").exists():
            raise ClusterError("The control plane was started by an older version: run `down`.")
        key = serialization.load_pem_private_key((PKI / "ca.key").read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ClusterError(f"{PKI / 'ca.key'} is not this project's: bring the cluster down.")
        return cls(key)

    def issue(
        self, file: str, user: str, groups: tuple[str, ...] = (), hosts: tuple[str, ...] = ()
    ) -> Credential:
        """A certificate for a client, and for a server too if `hosts` names it.

        Kubernetes reads the user from the common name and the groups from the organisations.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = self._make_builder(_make_name(user, groups), key.public_key()).add_extension(
            x509.ExtendedKeyUsage(usages[: 2 if hosts else 1]), critical=False
        )
        if hosts:
            names = x509.SubjectAlternativeName([_make_host(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Credential(_write_key(file, key), _write_certificate(file, certificate))

    def _make_builder(
        self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        )


def make_signing_key(file: str) -> tuple[Path, Path]:
    """A key pair, private and public, with which service-account tokens are signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    path = PKI / f"{file}.pub"
    path.write_bytes(public)
    return _write_key(file, key), path


def _make_name(user: str, groups: tuple[str, ...] = ()) -> x509.Name:
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _make_host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_certificate(file: str, certificate: x509.Certificate) -> Path:
    path = PKI / f"{file}.crt"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


def _write_key(file: str, key: ec.EllipticCurvePrivateKey) -> Path:
    path = PKI / f"{file}.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    return path
