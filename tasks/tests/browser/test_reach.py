"""Whatever a page tries, it reaches nothing inside: no address, no name, no protocol, no file."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from agency.http import names
from tasks.executors.base import Failed
from tasks.executors.browser.errors import BrowserError
from tasks.executors.browser.navigation import check_target, open_page
from tasks.executors.browser.proxy import shared_proxy
from tasks.executors.browser.sessions import BrowserSession
from tasks.tests.browser.site import Site
from tasks.tests.conftest import wait_for

pytestmark = pytest.mark.browser


class Inside:
    """A port of this machine that nobody may reach, by TCP or UDP; it notes every byte that comes, and who connects."""

    def __init__(self) -> None:
        self.touched: list[str] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        for listen in (self._accept, self._receive):
            threading.Thread(target=listen, daemon=True).start()

    def _accept(self) -> None:
        while self._tcp.fileno() >= 0:
            try:
                came, _ = self._tcp.accept()
            except OSError:
                return
            self.touched.append("tcp")
            came.close()

    def _receive(self) -> None:
        while self._udp.fileno() >= 0:
            try:
                self.touched.append(f"udp {self._udp.recv(2000)[:20]!r}")
            except OSError:
                return

    def close(self) -> None:
        # A blocked accept wakes up only when something comes.
        for one in (self._tcp, self._udp):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.touched.append("closed")
            one.close()


@pytest.fixture
def inside() -> Iterator[Inside]:
    running = Inside()
    yield running
    running.close()


# Every way a page has to talk to somebody. Each tries both schemes and settles when it was refused.
_EVERY_WAY = """
const [port, done] = arguments;
const waits = [];
const settles = (work) => waits.push(new Promise(work));
const bases = [`http://127.0.0.1:${port}`, `https://127.0.0.1:${port}`, `http://localhost:${port}`, `http://[::1]:${port}`];
const add = (tag, fields) => settles((ready) => { document.body.append(Object.assign(document.createElement(tag), fields, { onload: ready, onerror: ready, onloadeddata: ready })); });
for (const base of bases) {
  for (const rel of ["preconnect", "dns-prefetch", "prefetch", "preload", "modulepreload", "icon", "manifest", "prerender"])
    document.head.append(Object.assign(document.createElement("link"), { rel, href: `${base}/${rel}`, as: "image" }));
  document.head.append(Object.assign(document.createElement("script"), { type: "speculationrules",
    textContent: JSON.stringify({ prefetch: [{ urls: [`${base}/ahead`] }], prerender: [{ urls: [`${base}/drawn`] }] }) }));
  document.body.append(Object.assign(document.createElement("a"), { href: "#here", ping: `${base}/ping` }));
  document.body.lastChild.click();
  add("img", { src: `${base}/img` }); add("script", { src: `${base}/script` }); add("iframe", { src: `${base}/frame` });
  add("link", { rel: "stylesheet", href: `${base}/css` }); add("video", { src: `${base}/video` }); add("object", { data: `${base}/object` });
  navigator.sendBeacon(`${base}/beacon`, "x");
  settles((ready) => fetch(`${base}/fetch`, { mode: "no-cors" }).finally(ready));
  settles((ready) => { new EventSource(`${base}/events`).onerror = ready; });
  settles((ready) => { new Worker(URL.createObjectURL(new Blob([`importScripts("${base}/worker")`]))).onerror = ready; });
}
for (const url of [`ws://127.0.0.1:${port}/`, `wss://127.0.0.1:${port}/`, `ws://localhost:${port}/`]) settles((ready) => { new WebSocket(url).onclose = ready; });
settles((ready) => new WebTransport(`https://127.0.0.1:${port}/`).ready.catch(ready));
settles((ready) => {
  const host = `127.0.0.1:${port}`;
  const relay = { urls: [`turn:${host}?transport=udp`, `turn:${host}?transport=tcp`, `turns:${host}?transport=tcp`], username: "u", credential: "c" };
  const [here, there] = [new RTCPeerConnection({ iceServers: [{ urls: `stun:${host}` }, relay] }), new RTCPeerConnection()];
  here.createDataChannel("x");
  here.onicecandidate = (e) => { if (!e.candidate) ready(); };
  (async () => {
    await here.setLocalDescription(await here.createOffer());
    await there.setRemoteDescription(here.localDescription);
    await here.setRemoteDescription(await there.createAnswer());
    for (const kind of ["udp 2122260223", "tcp 1518280447"])
      await here.addIceCandidate({ sdpMid: "0", candidate: `candidate:1 1 ${kind} 127.0.0.1 ${port} typ host${kind.startsWith("tcp") ? " tcptype passive" : ""}` });
  })();
});
settles(async (ready) => {
  const worker = (await navigator.serviceWorker.register(`/service-worker.js?port=${port}`)).installing;
  worker.onstatechange = () => { if (worker.state === "activated" || worker.state === "redundant") ready(); };
});
Promise.all(waits).then(() => done(waits.length));
"""


def test_no_way_a_page_has_to_talk_reaches_inside(site: Site, inside: Inside, session: BrowserSession) -> None:
    session.driver.get(site.url("shop/index.html"))
    session.driver.set_script_timeout(20)
    assert session.driver.execute_async_script(_EVERY_WAY, inside.port) == 42, "every one of them was tried"
    # The service worker asked during its installation; the proxy says so.
    wait_for(lambda: f"localhost:{inside.port}" in {target for target, _ in shared_proxy().refused})
    assert inside.touched == []


_SPELLINGS = (
    "127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 0.0.0.0 0 localhost localhost. 127.0.0.1. [::1] [::] [::ffff:127.0.0.1] "
    "[::ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::] [fe80::1] [fd00::1] 10.0.0.1 172.16.0.1 192.168.0.1 "
    "100.64.0.1 169.254.169.254 168.63.129.16 metadata.internal inner.example.com user@127.0.0.1"
).split()


@pytest.fixture
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """inner.example.com is a public name that leads to this machine."""
    monkeypatch.setattr(names, "lookup", lambda host, port: ["127.0.0.1"] if host == "inner.example.com" else [])


@pytest.mark.usefixtures("_names")
def test_the_proxy_refuses_every_spelling_of_an_address_inside(site: Site, inside: Inside) -> None:
    for host in _SPELLINGS:
        target = f"{host}:{inside.port}"
        for request in (
            f"CONNECT {target} HTTP/1.1",
            f"GET http://{target}/ HTTP/1.1",
            f"GET ftp://{target}/ HTTP/1.1",
        ):
            with socket.create_connection(("127.0.0.1", shared_proxy().port), 5) as line:
                line.sendall(f"{request}\r\nHost: {site.url('')}\r\n\r\n".encode())
                answer = line.makefile("rb").readline().split()[1]
            # 502: a name that leads nowhere.
            assert answer in (b"403", b"400", b"502"), request
    assert inside.touched == []


@pytest.mark.usefixtures("_names")
def test_a_redirect_inward_reaches_nothing_however_it_is_written(
    site: Site, inside: Inside, session: BrowserSession
) -> None:
    # Chromium's own reading of addresses comes before the proxy's, which the test above goes through.
    for host in (*_SPELLINGS[:12], "inner.example.com", "①②⑦.⓪.⓪.①", "127。0。0。1"):
        with pytest.raises(BrowserError):
            open_page(session.driver, site.url(f"redirect/?to=http://{host}:{inside.port}/x"))
    assert inside.touched == []


def test_a_task_that_is_redirected_to_the_cloud_metadata_fails_for_good(play: Any, site: Site) -> None:
    to = site.url("redirect/?to=http://169.254.169.254/latest/meta-data/")
    outcome, _ = play([{"type": "navigate", "config": {"url": to}}])
    assert isinstance(outcome, Failed)
    assert not outcome.heals


@pytest.fixture
def outside() -> Iterator[ThreadingHTTPServer]:
    """Stands for a public server: 127.0.0.2, opened by its address. The same port of 127.0.0.1 stays inside."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"public")

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.2", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_name_that_changes_its_address_after_the_check_reaches_nothing(
    outside: ThreadingHTTPServer, session: BrowserSession, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOW_HOSTS = []
    settings.OUTBOUND_ALLOW_CIDRS = ["127.0.0.2/32"]
    answers, asked = ["127.0.0.2"], []
    monkeypatch.setattr(names, "lookup", lambda host, port: asked.append(host) or list(answers))  # type: ignore[func-returns-value]
    driver, url = session.driver, f"http://turns.example.com:{outside.server_address[1]}/"
    inner = socket.create_server(("127.0.0.1", outside.server_address[1]))
    inner.setblocking(False)
    fetch = "const done = arguments[0]; fetch('/again', {cache: 'no-store'}).then((r) => done(r.status))"
    try:
        open_page(driver, url)
        assert "public" in driver.page_source, "no resolver knows the name: what the check found was dialled"
        before = len(asked)
        assert driver.execute_async_script(fetch) == 200
        assert len(asked) == before + 1, "one look-up for each connection: nothing can change between check and connect"
        for turned in (["127.0.0.1"], ["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]):
            answers[:] = turned
            assert driver.execute_async_script(fetch) == 403
        with pytest.raises(BlockingIOError):
            inner.accept()
    finally:
        inner.close()


def test_no_click_form_or_window_shows_a_file_or_the_browsers_own_pages(site: Site, session: BrowserSession) -> None:
    driver, lease = session.driver, session.lease
    assert lease
    driver.get(site.url("pages/ways-out"))
    first, count = driver.current_window_handle, len(driver.find_elements("css selector", "a,button"))
    assert count == 15
    for number in range(count):
        for held in ("", Keys.CONTROL):
            driver.switch_to.window(first)
            driver.get(site.url("pages/ways-out"))
            element = driver.find_elements("css selector", "a,button")[number]
            chain = ActionChains(driver, duration=0)
            (chain.key_down(held).click(element).key_up(held) if held else chain.click(element)).perform()
    windows = [
        one["url"]
        for one in lease.browser.devtools.call("Target.getTargets")["targetInfos"]
        if one["type"] == "page" and one["browserContextId"] == lease.context
    ]
    assert len(windows) > 2, "windows were opened"
    # Without an address: a window whose opening was refused.
    allowed = (site.url(""), "about:blank", "chrome-error://", "blob:http://127.0.0.1")
    assert [url for url in windows if url and not url.startswith(allowed)] == []


def test_a_browser_that_is_not_behind_our_proxy_opens_no_name_that_leads_inside(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "lookup", lambda host, port: ["10.0.0.7"])
    with pytest.raises(BrowserError, match="target not allowed"):
        check_target("https://intranet.example.com/")
