"""Authorities and certificates of one test, as the files that a worker's settings name.

The rule: each file is replaced whole, as `mv` does, unless a test writes it in another way itself.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

# A key that was made for this, under the password `x`.
ENCRYPTED_KEY = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiphAn4uwGt/QICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEGJU2xC2ivBcwWkGFz+q7xsEgZDX
bIyol27y5c/uL2izivB2bzvblKTQ5WGHSNggqAmOulXM/saWmGOhDblu6pbMaFGi
Gj3cma+2qAh97MzmCGjvcIm3klbDZrijzpWqMt4CZlQibvDmEEN4RQeLwyu0p+m6
TfD4qo9g7xfZW+mqOFEJuWhxYFXfrcZNjEhmsibXGKZeEDKbPJyDfUHUvJJ09/c=
-----END ENCRYPTED PRIVATE KEY-----
"""


def replace(path: Path, text: str | bytes) -> None:
    """Put a new file in the place of one, in one step."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(text.encode() if isinstance(text, str) else text)
    beside.chmod(0o600)
    beside.replace(path)


def chain_of(leaf: trustme.LeafCert) -> bytes:
    """A certificate in PEM, with those that lead to its authority."""
    return b"".join(one.bytes() for one in leaf.cert_chain_pems)


class ClientFiles:
    """The files of a client in a folder: its certificate, its key, and whom it believes."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self.ca, self.cert, self.key = (folder / name for name in ("ca.crt", "tls.crt", "tls.key"))
        self.authority = authority
        self.trust(authority)
        self.renew()

    def trust(self, *authorities: trustme.CA) -> None:
        """Believe these."""
        replace(self.ca, b"".join(one.cert_pem.bytes() for one in authorities))

    def renew(self, name: str = "client.example", days: float = 90) -> trustme.LeafCert:
        """Get a new certificate of this name, which ends after so many days."""
        leaf = self.issue(name, days)
        replace(self.key, leaf.private_key_pem.bytes())
        replace(self.cert, chain_of(leaf))
        return leaf

    def issue(self, name: str = "client.example", days: float = 90) -> trustme.LeafCert:
        """Have the authority make a certificate, which ends after so many days."""
        now = datetime.now(UTC)
        begins = now - timedelta(days=100)
        return self.authority.issue_cert(
            name, common_name=name, not_before=begins, not_after=now + timedelta(days=days)
        )


def server_tls(authority: trustme.CA, clients: trustme.CA | None = None) -> ssl.SSLContext:
    """A context of a partner on the loopback address, which asks its clients for a certificate of theirs."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
