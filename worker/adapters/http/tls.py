"""TLS to the partner: the authorities we trust, and our client certificate; read from files.

The rule: unusable files are refused, with a line for each, before anything is sent; no key is ever shown.
A private authority replaces the system's, as with `curl --cacert`.
"""

from __future__ import annotations

import hashlib
import ssl
import stat
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

from worker.core.certificate import Certificate, NotCertificate, last_to_end, read_certificates

LIMIT_BYTES = 1024 * 1024
"""Most bytes of a file; a bundle of all public authorities has a quarter of that."""

CA_FILE, CERT_FILE, KEY_FILE = (f"POSTBACK_DESTINATION__{name}_FILE" for name in ("CA", "CERT", "KEY"))

_PROTOCOLS = ["http/1.1"]
_PRIVATE_KEY = "PRIVATE KEY-----"
_MISMATCHES = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"})


class TlsFiles(NamedTuple):
    """The files of a destination, in PEM: authorities, a client certificate with its chain, its key.

    Without a key file, the key is in the certificate's file.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @property
    def named(self) -> dict[str, Path]:
        """The files that are given, by the variable that names them."""
        paths = {CA_FILE: self.ca, CERT_FILE: self.cert, KEY_FILE: self.key}
        return {variable: path for variable, path in paths.items() if path is not None}

    @property
    def key_holder(self) -> dict[str, Path]:
        """The file that holds the key, by its variable; empty without a certificate."""
        variable, path = (CERT_FILE, self.cert) if self.key is None else (KEY_FILE, self.key)
        return {} if path is None else {variable: path}


class WrongTlsFiles(ValueError):
    """Files can't be used; `problems` has a line for each, which names its variable."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ClientTls(NamedTuple):
    """The context of new connections, and the certificates that it rests on, by variable.

    Without files there is no context: the system's authorities count, and we show no certificate.
    """

    context: ssl.SSLContext | None = None
    certificates: Mapping[str, Certificate] = {}
    digests: Mapping[str, str] = {}
    """Digests of the files' contents, by variable."""

    def changed_since(self, before: ClientTls) -> list[str]:
        """The variables whose files have other contents than before."""
        return [name for name, digest in self.digests.items() if before.digests.get(name) != digest]

    def problems(self, now: float) -> list[str]:
        """Say which certificates can't be used at that time: expired, or not valid yet."""
        return self._lines(lambda one: one.problem(now))

    def warnings(self, now: float) -> list[str]:
        """Say which certificates can't be used at that time, or expire soon."""
        return self._lines(lambda one: one.warning(now))

    def _lines(self, says: Callable[[Certificate], str | None]) -> list[str]:
        said = ((variable, says(one)) for variable, one in self.certificates.items())
        return [f"{variable}: the certificate {line}" for variable, line in said if line is not None]


@cache
def system_tls() -> ssl.SSLContext:
    """The context of connections that rest on no files: the system's authorities, read once."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(_PROTOCOLS)
    return context


def load_tls(files: TlsFiles) -> ClientTls:
    """Read the files, which takes some milliseconds; raise WrongTlsFiles.

    An expired certificate is accepted: the caller may ask for its problems.
    """
    if not files.named:
        return ClientTls()
    texts, problems = _read_all(files)
    certificates: dict[str, Certificate] = {}
    context = ssl.create_default_context() if files.ca is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for load in (_trust, _show):
        try:
            certificates |= load(context, files, texts)
        except WrongTlsFiles as wrong:
            problems += wrong.problems
    if problems:
        raise WrongTlsFiles(*problems)
    context.set_alpn_protocols(_PROTOCOLS)
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    return ClientTls(context, certificates, digests)


def _trust(context: ssl.SSLContext, files: TlsFiles, texts: Mapping[str, str]) -> dict[str, Certificate]:
    """Have a context trust a file's authorities, roots or not; return the one that expires last."""
    if files.ca is None or CA_FILE not in texts:
        return {}
    text = texts[CA_FILE]
    lasting = last_to_end(_certificates(CA_FILE, files.ca, text))
    try:
        context.load_verify_locations(cadata=text)
    except ssl.SSLError:
        raise _damaged(CA_FILE, files.ca) from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return {CA_FILE: lasting}


def _show(context: ssl.SSLContext, files: TlsFiles, texts: Mapping[str, str]) -> dict[str, Certificate]:
    """Have a context show our certificate; return it."""
    if files.cert is None or not texts.keys() >= {CERT_FILE, *files.key_holder}:
        return {}
    ((variable, holder),) = files.key_holder.items()
    ours = _certificates(CERT_FILE, files.cert, texts[CERT_FILE])[0]
    if _PRIVATE_KEY not in texts[variable]:
        beside = f"; name the key's file in {KEY_FILE}" if files.key is None else ""
        raise WrongTlsFiles(f"{variable}: the file {holder} holds no private key in PEM{beside}")

    def ask_password() -> NoReturn:
        raise WrongTlsFiles(f"{variable}: the key in {holder} is encrypted; write it without a password")

    try:
        context.load_cert_chain(files.cert, files.key, password=ask_password)
    except ssl.SSLError as error:
        if error.reason in _MISMATCHES:
            line = f"{variable}: the key in {holder} does not belong to the certificate in {files.cert}"
            raise WrongTlsFiles(line) from None
        raise _damaged(variable, holder) from None
    except OSError as error:  # it was there a moment ago
        raise _unreadable(variable, holder, error) from None
    return {CERT_FILE: ours}


def _read_all(files: TlsFiles) -> tuple[dict[str, str], list[str]]:
    """The contents of the files, by variable, and a line for each that can't be read."""
    texts: dict[str, str] = {}
    problems: list[str] = []
    for variable, path in files.named.items():
        try:
            texts[variable] = _read(variable, path)
        except WrongTlsFiles as wrong:
            problems += wrong.problems
    return texts, problems


def _certificates(variable: str, path: Path, text: str) -> list[Certificate]:
    try:
        return read_certificates(text)
    except NotCertificate:
        raise WrongTlsFiles(f"{variable}: the file {path} holds no whole certificate in PEM") from None


def _read(variable: str, path: Path) -> str:
    """The ASCII of a file; other characters can only be comments."""
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
