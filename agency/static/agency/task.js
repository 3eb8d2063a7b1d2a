// Keeps the moving part of a task's page fresh while somebody looks at it.
"use strict";
(function () {
  const FAST_MS = 2000, SLOW_MS = 15000, MOST_MS = 30000;
  const place = document.getElementById("live");
  let etag = "", wait = FAST_MS, timer = 0;
  const state = () => place.firstElementChild.dataset;
  const first = state().status;

  async function poll() {
    clearTimeout(timer);
    if (document.visibilityState !== "visible" || state().ended) { return; }
    try {
      const headers = { "X-Poll": "1" };
      if (etag) { headers["If-None-Match"] = etag; }
      const response = await fetch(place.dataset.url, { headers: headers, credentials: "same-origin" });
      if (response.redirected) { location.reload(); return; }
      if (response.status === 200) {
        etag = response.headers.get("ETag") || "";
        if (!place.contains(document.activeElement)) { place.innerHTML = await response.text(); }
        moved();
      }
      wait = state().status === "in_progress" || state().status === "queued" ? FAST_MS : SLOW_MS;
    } catch (error) { wait = Math.min(MOST_MS, wait * 2); }
    timer = setTimeout(poll, wait);
  }

  function moved() {
    if (state().status === first) { return; }
    const written = Array.from(document.querySelectorAll("textarea, input:not([type=hidden])")).some((field) => field.value);
    if (written) { document.getElementById("moved").hidden = false; } else { location.reload(); }
  }

  document.addEventListener("visibilitychange", poll);
  timer = setTimeout(poll, wait);
})();
