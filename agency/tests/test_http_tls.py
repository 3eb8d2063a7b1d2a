"""TLS is verified against the name of the URL, with an authority made for the test."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agency import http
from agency.http import names
from agency.tests.wire_server import WireServer, answer

NOW = dt.datetime.now(dt.UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, key, issuer, issuer_key, names_: list[x509.GeneralName], ca: bool, days: int = 2):
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=3))
        .not_valid_after(NOW + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names_:
        builder = builder.add_extension(x509.SubjectAlternativeName(names_), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


class Authority:
    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        root = _certificate(name, self._key, name, self._key, [], ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def server(self, *names_: x509.GeneralName, days: int = 2) -> WireServer:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate("server", key, self._name, self._key, list(names_), ca=False, days=days)
        path = self._folder / f"{certificate.serial_number}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return WireServer(lambda connection, _request: connection.sendall(answer(b"secret")), tls=context)


@pytest.fixture
def authority(settings, tmp_path, monkeypatch) -> Authority:
    made = Authority(tmp_path)
    settings.OUTBOUND_CA_FILE = str(made.file)
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    settings.OUTBOUND_HTTP = ["*"]
    monkeypatch.setattr(names, "lookup", lambda host, port: ["127.0.0.1"])
    return made


def test_the_certificate_of_the_name_is_accepted_though_an_address_is_dialled(authority: Authority) -> None:
    server = authority.server(x509.DNSName("api.example.com"))
    response = http.request("GET", f"https://api.example.com:{server.port}/")
    assert response.body == b"secret"
    assert f"Host: api.example.com:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize(
    "san",
    [x509.DNSName("other.example.com"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("*.com")],
    ids=["another name", "only the address", "a wildcard too wide"],
)
def test_a_certificate_of_something_else_is_refused_before_anything_is_sent(authority: Authority, san) -> None:
    server = authority.server(san)
    with pytest.raises(http.CertificateRefused) as refused:
        http.request("POST", f"https://api.example.com:{server.port}/", json={"canary": 1})
    assert refused.value.sent is False
    assert server.requests == []


def test_an_expired_certificate_and_an_unknown_authority_are_refused(authority: Authority, tmp_path) -> None:
    expired = authority.server(x509.DNSName("api.example.com"), days=-1)
    foreign = Authority(tmp_path, "Somebody else").server(x509.DNSName("api.example.com"))
    for server in (expired, foreign):
        with pytest.raises(http.CertificateRefused):
            http.request("GET", f"https://api.example.com:{server.port}/")


def test_public_roots_are_used_when_no_file_is_set(authority: Authority, settings) -> None:
    settings.OUTBOUND_CA_FILE = ""
    server = authority.server(x509.DNSName("api.example.com"))
    with pytest.raises(http.CertificateRefused):
        http.request("GET", f"https://api.example.com:{server.port}/")


def test_an_address_in_the_url_needs_a_certificate_for_the_address(authority: Authority) -> None:
    by_address = authority.server(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    assert http.request("GET", f"https://127.0.0.1:{by_address.port}/").body == b"secret"
    by_name = authority.server(x509.DNSName("api.example.com"))
    with pytest.raises(http.CertificateRefused):
        http.request("GET", f"https://127.0.0.1:{by_name.port}/")


def test_plain_text_where_tls_is_expected_could_not_be_connected_to(authority: Authority) -> None:
    def greet() -> None:
        connection, _ = listener.accept()
        connection.sendall(b"220 mail.example.com ESMTP\r\n")
        connection.recv(1024)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(http.CouldNotConnect) as error:
            http.request("GET", f"https://api.example.com:{listener.getsockname()[1]}/")
    assert error.value.sent is False
