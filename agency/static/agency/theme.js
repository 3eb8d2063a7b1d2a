// Light, dark or as the system: set before the first paint. Also tells the server the reader's time zone.
"use strict";
(function () {
  const root = document.documentElement;
  function read() {
    try { return localStorage.getItem("theme") || "auto"; } catch (error) { return "auto"; }
  }
  function show(theme) {
    if (theme === "auto") { root.removeAttribute("data-theme"); } else { root.dataset.theme = theme; }
  }
  show(read());

  // A session that nobody uses ends; what a page fetches by itself is no use. "seen" is told by scripts that fetch for a person.
  function warnWhenIdle() {
    const note = document.getElementById("idle");
    if (!note) { return; }
    let timer = 0;
    const early = Math.min(120, Number(note.dataset.seconds) / 2);
    function seen() {
      clearTimeout(timer);
      note.hidden = true;
      timer = setTimeout(() => { note.hidden = false; }, (Number(note.dataset.seconds) - early) * 1000);
    }
    note.querySelector("button").addEventListener("click", async function () {
      const answer = await fetch(location.href, { method: "HEAD", credentials: "same-origin" });
      if (answer.redirected) { location.reload(); } else { seen(); }
    });
    document.addEventListener("seen", seen);
    seen();
  }

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes("timezone=" + encodeURIComponent(zone))) {
    document.cookie = "timezone=" + encodeURIComponent(zone) + ";path=/;max-age=31536000;samesite=lax";
  }
  document.addEventListener("DOMContentLoaded", function () {
    const button = document.querySelector("[data-theme-toggle]");
    if (!button) { return; }
    const order = ["auto", "light", "dark"];
    function label() {
      button.textContent = button.dataset[read() + "Label"];
    }
    label();
    button.addEventListener("click", function () {
      const next = order[(order.indexOf(read()) + 1) % order.length];
      try { localStorage.setItem("theme", next); } catch (error) { /* private mode: it holds for this page */ }
      show(next);
      label();
    });
    warnWhenIdle();
    const menu = button.closest("details");
    document.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
    });
    document.addEventListener("click", function (event) {
      if (menu.open && !menu.contains(event.target)) { menu.open = false; }
    });
  });
})();
