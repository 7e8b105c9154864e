"""Files of TLS: what is refused at the start, in one line, and what is spoken with them."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.certificates import ENCRYPTED_KEY, ClientFiles
from worker.adapters.http import ClientTls, TlsFiles, WrongTlsFiles, load_tls
from worker.adapters.http.tls import CA_FILE, CERT_FILE, KEY_FILE, LIMIT_BYTES
from worker.core.certificate import read_certificates


@pytest.fixture
def scheme() -> str:
    """TLS alone."""
    return "https"


def problems(ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> list[str]:
    """What is wrong with files."""
    with pytest.raises(WrongTlsFiles) as wrong:
        load_tls(TlsFiles(ca, cert, key))
    assert str(wrong.value) == "; ".join(wrong.value.problems)
    return list(wrong.value.problems)


def missing(path: Path) -> None:
    """Take a file away."""
    path.unlink()


def cut(path: Path) -> None:
    """Leave half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def foreign(path: Path) -> None:
    """Put something else there."""
    path.write_text("not PEM")


def folder(path: Path) -> None:
    """Put a folder there."""
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    """Put a named pipe there, which would be waited for."""
    path.unlink()
    os.mkfifo(path)


def huge(path: Path) -> None:
    """Put a file there that never was PEM."""
    path.write_bytes(b"x" * (LIMIT_BYTES + 1))


def scrambled(path: Path) -> None:
    """Change what stands between the lines that say what it is."""
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "AAAA", lines[-1], ""]))


def element(tag: int, content: bytes) -> bytes:
    """An element of DER."""
    return bytes([tag, len(content)]) + content


SPOILT: list[tuple[str, Callable[[Path], None], str]] = [
    ("ca", missing, CA_FILE + ": the file {} cannot be read: No such file or directory"),
    ("ca", cut, CA_FILE + ": the file {} holds no whole certificate in PEM"),
    ("ca", foreign, CA_FILE + ": the file {} holds no whole certificate in PEM"),
    ("ca", huge, CA_FILE + ": the file {} is larger than 1 MiB; it should hold PEM alone"),
    ("ca", pipe, CA_FILE + ": {} is not a file"),
    ("cert", missing, CERT_FILE + ": the file {} cannot be read: No such file or directory"),
    ("cert", cut, CERT_FILE + ": the file {} holds no whole certificate in PEM"),
    ("cert", folder, CERT_FILE + ": {} is not a file"),
    ("key", missing, KEY_FILE + ": the file {} cannot be read: No such file or directory"),
    ("key", foreign, KEY_FILE + ": the file {} holds no private key in PEM"),
    ("key", cut, KEY_FILE + ": the file {} cannot be used: what it holds is damaged, or cut"),
    ("key", scrambled, KEY_FILE + ": the file {} cannot be used: what it holds is damaged, or cut"),
]


@pytest.mark.parametrize(("which", "spoil", "line"), SPOILT)
def test_spoilt(files: ClientFiles, which: str, spoil: Callable[[Path], None], line: str) -> None:
    """A file that can't be used is one line: its variable, its path, what is wrong with it."""
    path: Path = getattr(files, which)
    spoil(path)
    assert problems(files.ca, files.cert, files.key) == [line.format(path)]


def test_both_spoilt(files: ClientFiles) -> None:
    """Authority and certificate are told of together."""
    missing(files.ca)
    missing(files.key)
    lines = problems(files.ca, files.cert, files.key)
    assert [line.partition(":")[0] for line in lines] == [CA_FILE, KEY_FILE]


def test_a_file_that_may_not_be_read(files: ClientFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is another user's is named, with what the system says."""

    def refuse(_path: Path, _mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert problems(files.ca) == [f"{CA_FILE}: the file {files.ca} cannot be read: Permission denied"]


def test_a_file_that_goes_meanwhile(files: ClientFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that goes between two looks is told of like one that was not there."""

    def refuse(*_arguments: object, **_names: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", refuse)
    assert problems(cert=files.cert, key=files.key) == [
        f"{KEY_FILE}: the file {files.key} cannot be read: No such file or directory"
    ]


def test_an_authority_that_only_looks_like_one(files: ClientFiles) -> None:
    """What the TLS library does not take for a certificate is refused, whatever we read in it."""
    times = element(0x17, b"260101000000Z") * 2
    fields = [element(0x02, b"\x01"), *[element(0x30, one) for one in (b"", b"", times, b"")]]
    pem = ssl.DER_cert_to_PEM_cert(element(0x30, element(0x30, b"".join(fields))))
    assert len(read_certificates(pem)) == 1
    files.ca.write_text(pem)
    assert problems(files.ca) == [
        f"{CA_FILE}: the file {files.ca} cannot be used: what it holds is damaged, or cut"
    ]


@pytest.mark.parametrize("apart", [True, False])
def test_encrypted(files: ClientFiles, *, apart: bool) -> None:
    """An encrypted key is one line, wherever it is; nobody is asked for a password."""
    if apart:
        files.key.write_text(ENCRYPTED_KEY)
        expected = f"{KEY_FILE}: the key in {files.key} is encrypted; write it without a password"
    else:
        files.cert.write_text(files.cert.read_text() + ENCRYPTED_KEY)
        expected = f"{CERT_FILE}: the key in {files.cert} is encrypted; write it without a password"
    assert problems(cert=files.cert, key=files.key if apart else None) == [expected]


def test_another_key(files: ClientFiles) -> None:
    """A key of another certificate is one line with both files."""
    files.key.write_bytes(files.issue().private_key_pem.bytes())
    assert problems(cert=files.cert, key=files.key) == [
        f"{KEY_FILE}: the key in {files.key} does not belong to the certificate in {files.cert}"
    ]


def test_no_key(files: ClientFiles) -> None:
    """A certificate's file without a key tells where the key could be named."""
    assert problems(cert=files.cert) == [
        f"{CERT_FILE}: the file {files.cert} holds no private key in PEM; name the key's file in {KEY_FILE}"
    ]


def test_nothing_given() -> None:
    """Without a file nothing is made: the transports' own context counts."""
    assert load_tls(TlsFiles()) == ClientTls()


@pytest.mark.parametrize(
    ("days", "problem", "warning"),
    [
        (-1, "the certificate has expired: client.example was valid until ", "the certificate has expired: "),
        (3, None, "the certificate expires soon: client.example is valid until "),
        (30, None, None),
    ],
)
def test_how_long(files: ClientFiles, days: int, problem: str | None, warning: str | None) -> None:
    """A certificate that has expired is taken, and told of; so is one that will within a week."""
    files.renew(days=days)
    tls = load_tls(TlsFiles(files.ca, files.cert, files.key))
    assert tls.context is not None
    for said, expected in ((tls.problems, problem), (tls.warnings, warning)):
        assert len(said(time.time())) == (expected is not None)
        assert all(line.startswith(f"{CERT_FILE}: {expected}") for line in said(time.time()))


def test_the_same_again(files: ClientFiles) -> None:
    """Files that hold the same are told from those that hold something else."""
    given = TlsFiles(files.ca, files.cert, files.key)
    before = load_tls(given)
    files.trust(files.authority)
    assert load_tls(given).changed_since(before) == []
    files.renew()
    assert load_tls(given).changed_since(before) == [CERT_FILE, KEY_FILE]


def test_comments_in_any_alphabet(files: ClientFiles) -> None:
    """Bundles of authorities have comments, in whatever alphabet and encoding."""
    files.ca.write_bytes("# Türkçe, 中文\n".encode("utf-16") + b"\n" + files.ca.read_bytes())
    assert list(load_tls(TlsFiles(files.ca)).certificates) == [CA_FILE]


# --- on the wire -------------------------------------------------------------------------------
