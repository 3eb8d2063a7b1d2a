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
    const menu = button.closest("details");
    document.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
    });
    document.addEventListener("click", function (event) {
      if (menu.open && !menu.contains(event.target)) { menu.open = false; }
    });
  });
})();
