"""TLS to the partner: whom it is believed from, and who we are; read from files.

The rule: files that can't be used are refused, a line for each, before anything is sent; no key is ever told.
A private authority stands in place of the system's, as with `curl --cacert`: nobody else's word counts then.
"""

from __future__ import annotations

import ssl
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from worker.core.certificate import Certificate, NotCertificate, last_to_end, read_certificates

LIMIT_BYTES = 1024 * 1024
"""Bytes of a file; a bundle of all public authorities has a quarter of that."""

CA_FILE, CERT_FILE, KEY_FILE = (f"POSTBACK_DESTINATION__{name}_FILE" for name in ("CA", "CERT", "KEY"))

_PRIVATE_KEY = "PRIVATE KEY-----"
_MISMATCHES = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"})


class TlsFiles(NamedTuple):
    """The files of a destination, in PEM: authorities, a client certificate with its chain, its key.

    Without a key's file the key is in the certificate's.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @property
    def named(self) -> dict[str, Path]:
        """Those that are given, by the variable that names them."""
        paths = {CA_FILE: self.ca, CERT_FILE: self.cert, KEY_FILE: self.key}
        return {variable: path for variable, path in paths.items() if path is not None}


class WrongTlsFiles(ValueError):
    """Files can't be used; `problems` has a line for each, that names its variable."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ClientTls(NamedTuple):
    """What new connections speak TLS with, and the certificates that this rests on, by variable.

    Without a context nothing is given: the system's authorities count, and we show no certificate.
    """

    context: ssl.SSLContext | None = None
    certificates: Mapping[str, Certificate] = {}

    def problems(self, now: float) -> list[str]:
        """Say which certificates can't be used at a time: they have expired, or are not valid yet."""
        return self._lines(lambda one: one.problem(now))

    def warnings(self, now: float) -> list[str]:
        """Say which certificates can't be used at a time, or soon not any more."""
        return self._lines(lambda one: one.warning(now))

    def _lines(self, says: Callable[[Certificate], str | None]) -> list[str]:
        said = ((variable, says(one)) for variable, one in self.certificates.items())
        return [f"{variable}: the certificate {line}" for variable, line in said if line is not None]


def load_tls(files: TlsFiles) -> ClientTls:
    """Read the files, which takes some milliseconds; raise WrongTlsFiles.

    A certificate that has expired is taken: whoever loads it may ask for its problems.
    """
    if not files.named:
        return ClientTls()
    problems: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    certificates = {}
    try:
        if files.ca is not None:
            context, certificates[CA_FILE] = _trusting(files.ca)
        else:
            context = ssl.create_default_context()
    except WrongTlsFiles as wrong:
        problems += wrong.problems
    try:
        if files.cert is not None:
            certificates[CERT_FILE] = _show(context, files.cert, files.key)
    except WrongTlsFiles as wrong:
        problems += wrong.problems
    if problems:
        raise WrongTlsFiles(*problems)
    context.set_alpn_protocols(["http/1.1"])
    return ClientTls(context, certificates)


def _trusting(ca: Path) -> tuple[ssl.SSLContext, Certificate]:
    """Make a context that believes what a file names, root or not; and name the one that lasts longest."""
    text = _read(CA_FILE, ca)
    lasting = last_to_end(_certificates(CA_FILE, ca, text))
    try:
        context = ssl.create_default_context(cadata=text)
    except ssl.SSLError:
        raise _damaged(CA_FILE, ca) from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context, lasting


def _show(context: ssl.SSLContext, cert: Path, key: Path | None) -> Certificate:
    """Have a context show our certificate; return it."""
    text = _read(CERT_FILE, cert)
    ours = _certificates(CERT_FILE, cert, text)[0]
    variable, holder = (CERT_FILE, cert) if key is None else (KEY_FILE, key)
    if _PRIVATE_KEY not in (text if key is None else _read(KEY_FILE, key)):
        beside = f"; name the key's file in {KEY_FILE}" if key is None else ""
        raise WrongTlsFiles(f"{variable}: the file {holder} holds no private key in PEM{beside}")

    def ask_password() -> NoReturn:
        raise WrongTlsFiles(f"{variable}: the key in {holder} is encrypted; write it without a password")

    try:
        context.load_cert_chain(cert, key, password=ask_password)
    except ssl.SSLError as error:
        if error.reason in _MISMATCHES:
            line = f"{variable}: the key in {holder} does not belong to the certificate in {cert}"
            raise WrongTlsFiles(line) from None
        raise _damaged(variable, holder) from None
    except OSError as error:  # it was there a moment ago
        raise _unreadable(variable, holder, error) from None
    return ours


def _certificates(variable: str, path: Path, text: str) -> list[Certificate]:
    try:
        return read_certificates(text)
    except NotCertificate:
        raise WrongTlsFiles(f"{variable}: the file {path} holds no whole certificate in PEM") from None


def _read(variable: str, path: Path) -> str:
    """The ASCII of a file; whatever else its comments are written in means nothing."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise WrongTlsFiles(f"{variable}: {path} is not a file")
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise _unreadable(variable, path, error) from None
    if len(content) > LIMIT_BYTES:
        raise WrongTlsFiles(f"{variable}: the file {path} is larger than 1 MiB; it should hold PEM alone")
    return content.decode("ascii", "ignore")


def _unreadable(variable: str, path: Path, error: OSError) -> WrongTlsFiles:
    return WrongTlsFiles(f"{variable}: the file {path} cannot be read: {error.strerror or error}")


def _damaged(variable: str, path: Path) -> WrongTlsFiles:
    return WrongTlsFiles(f"{variable}: the file {path} cannot be used: what it holds is damaged, or cut")
