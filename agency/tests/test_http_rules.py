"""Rules for URLs, methods, headers and addresses that need no server (SECURITY §4.1)."""

from __future__ import annotations

import ipaddress

import pytest

from agency import http
from agency.http import policy

REFUSED_URLS = [
    # scheme
    "http://api.example.com/",
    "ftp://api.example.com/",
    "file:///etc/passwd",
    "gopher://api.example.com/",
    "javascript:alert(1)",
    "//api.example.com/",
    "api.example.com/",
    "https:api.example.com/",
    "https:///path",
    "https://",
    "",
    # characters
    "https://api.example.com/a b",
    "https://api.example.com/\r\nHost: x",
    "https://api.example.com/\x00",
    "https://a.example.com\\@127.0.0.1/",
    "https://api.example.com/\u2028",
    "https://api.example.com/\ud800",
    "\thttps://api.example.com/",
    # who is the host
    "https://user@api.example.com/",
    "https://user:pass@api.example.com/",
    "https://127.0.0.1:80@api.example.com/",
    "https://api.example.com:443:80/",
    "https://api.example.com%2f@127.0.0.1/",
    "https://%31%32%37.0.0.1/",
    "https://[::1]@api.example.com/",
    "https://[api.example.com]/",
    "https://[fe80::1%25eth0]/",
    # names
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://api.example.com./",
    "https://intranet/",
    "https://db.local/",
    "https://db.internal/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://printer.lan/",
    "https://router.home/",
    "https://x.home.arpa/",
    "https://x.corp/",
    "https://x.onion/",
    "https://x.localdomain/",
    "https://x.test/",
    "https://x.invalid/",
    "https://a..example.com/",
    "https://-a.example.com/",
    "https://a_b.example.com/",
    "https://" + "a" * 64 + ".example.com/",
    "https://①②⑦.⓪.⓪.①/",
    "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "https://127。0。0。1/",
    "https://example。com/",
    "https://１２７.0.0.1/",
    # addresses
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.01/",
    "https://127.0.0.1./",
    "https://1.2.3.4.5/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://168.63.129.16/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    # ports
    "https://api.example.com:22/",
    "https://api.example.com:6379/",
    "https://api.example.com:80/",
    "https://api.example.com:0/",
    "https://api.example.com:0443/",
    "https://api.example.com:65536/",
    "https://api.example.com:٤٤٣/",
    "https://api.example.com:/",
    # length
    "https://api.example.com/" + "a" * 2048,
]

INNER_ADDRESSES = [
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.254",
    "127.9.9.9",
    "169.254.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.175.48.1",
    "198.19.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::1",
    "::",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "100::1",
    "fc00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "5f00::1",
    "2001::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2002:808:808::1",
    "3fff::1",
    "2620:4f:8000::1",
    "4000::1",
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_that_could_mislead_is_refused_without_a_lookup(url: str) -> None:
    with pytest.raises(http.TargetNotAllowed) as refusal:
        http.check_url(url)
    assert refusal.value.sent is False
    assert "127.0.0.1" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://api.example.com/v1/users?a=1&b=ü#part",
        "HTTPS://API.Example.COM:8443/",
        "https://bücher.example/",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://999.example.com/",
    ],
)
def test_an_ordinary_url_is_allowed(url: str) -> None:
    http.check_url(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://API.example.com/x", "api.example.com"),
        ("https://api.example.com:8443/x", "api.example.com"),
        ("https://api.example.com:9443/x", "api.example.com:9443"),
        ("https://Bücher.example/", "xn--bcher-kva.example"),
    ],
)
def test_the_host_of_a_url_has_one_spelling(url: str, host: str) -> None:
    assert http.host_of(url) == host


def test_a_credentials_own_port_is_allowed_besides_those_of_the_web() -> None:
    http.check_url("https://api.example.com:9443/", ports=[9443])
    with pytest.raises(http.TargetNotAllowed, match="port"):
        http.check_url("https://api.example.com:9444/", ports=[9443])


@pytest.mark.parametrize("address", INNER_ADDRESSES)
def test_an_address_that_is_not_public_is_never_dialled(address: str) -> None:
    assert not policy.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "100.128.0.1", "172.32.0.1", "198.20.0.1", "2606:4700::1", "2a00::1"])
def test_a_public_address_may_be_dialled(address: str) -> None:
    assert policy.is_public(ipaddress.ip_address(address))


def test_an_opened_host_is_exempt_from_name_port_and_scheme_rules(settings) -> None:
    settings.OUTBOUND_ALLOW_HOSTS = ["crm.internal:9000", ".lab.local"]
    http.check_url("http://crm.internal:9000/")
    http.check_url("https://a.lab.local:7/")
    for url in ("http://crm.internal:9001/", "https://evillab.local/", "https://xcrm.internal:9000/"):
        with pytest.raises(http.TargetNotAllowed):
            http.check_url(url)


def test_an_opened_network_opens_its_literal_addresses_and_nothing_else(settings) -> None:
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    http.check_url("http://127.0.0.1:5000/")
    http.check_url("http://localhost:5000/")
    for url in ("http://10.0.0.1:5000/", "https://169.254.169.254/", "http://api.example.com/", "https://x.local/"):
        with pytest.raises(http.TargetNotAllowed):
            http.check_url(url)


def test_a_denied_network_wins_over_an_opened_one(settings) -> None:
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.0/8"]
    settings.OUTBOUND_DENY_CIDRS = ["127.0.0.2/32", "9.9.9.9/32"]
    for url in ("http://127.0.0.2:5000/", "https://9.9.9.9/"):
        with pytest.raises(http.TargetNotAllowed):
            http.check_url(url)


def test_plain_http_and_further_ports_are_opened_by_a_setting(settings) -> None:
    settings.OUTBOUND_HTTP = ["true"]
    http.check_url("http://api.example.com/")
    http.check_url("http://api.example.com:8080/")
    with pytest.raises(http.TargetNotAllowed):
        http.check_url("http://api.example.com:8000/")
    settings.OUTBOUND_HTTP = ["8000"]
    http.check_url("http://api.example.com:8000/")
    settings.OUTBOUND_HTTP = ["*"]
    http.check_url("http://api.example.com:1234/")
    with pytest.raises(http.TargetNotAllowed):
        http.check_url("http://10.0.0.1:1234/")


def test_an_installation_can_be_bound_to_the_hosts_it_lists(settings) -> None:
    settings.OUTBOUND_ONLY_HOSTS = ["api.example.com", "*.partner.example"]
    http.check_url("https://api.example.com/")
    http.check_url("https://eu.partner.example/")
    for url in ("https://www.example.com/", "https://8.8.8.8/"):
        with pytest.raises(http.TargetNotAllowed, match="only calls the hosts it lists"):
            http.check_url(url)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "OPTIONS", "PURGE", "GET /x HTTP/1.1\r\n", ""])
def test_a_method_outside_the_list_is_refused(method: str) -> None:
    with pytest.raises(http.TargetNotAllowed, match="method not allowed"):
        http.request(method, "https://api.example.com/")


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Transfer-Encoding", "Connection", "TE", "Upgrade", "Trailer", "Expect", "Keep-Alive",
     "Cookie", "Proxy-Authorization", "proxy-connection", "Accept-Encoding", "X Bad", "X:Bad", "", "Ünicode"],
)  # fmt: skip
def test_a_header_that_would_change_how_the_request_is_read_is_refused(name: str) -> None:
    with pytest.raises(http.TargetNotAllowed, match="header"):
        http.check_headers({name: "value"})


@pytest.mark.parametrize("value", ["a\r\nHost: x", "a\nb", "a\x00b", "€", "x" * 8193])
def test_a_header_value_that_would_end_its_line_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(http.TargetNotAllowed) as refusal:
        http.check_headers({"X-Note": value})
    assert "X-Note" in str(refusal.value)
    assert value not in str(refusal.value)
