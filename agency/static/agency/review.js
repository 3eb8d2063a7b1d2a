// The review queue: keys, decisions without reload, and a list that keeps itself fresh while somebody looks at it.
// The server renders everything; this file only moves it. Without it the same pages work as links and forms.
"use strict";
(function () {
  const POLL_MS = 10000, POLL_MOST_MS = 60000;
  const panes = document.getElementById("content");
  const list = document.getElementById("queue-list");
  const detail = document.getElementById("detail");
  const bulk = document.getElementById("bulk");
  const toast = document.getElementById("toast");
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const picked = new Set();
  const ahead = new Map();      // task id:version → promise of its pane
  const gone = new Set();       // decided here; not shown again by a list that is a moment old
  let etag = "", wait = POLL_MS, timer = 0, busy = false, lastPick = null, undoId = 0, toastTimer = 0;
  let query = panes.dataset.query;

  const rows = () => Array.from(list.querySelectorAll(".row"));
  const rowOf = (id) => list.querySelector('.row[data-id="' + id + '"]');
  const shown = () => detail.querySelector("article");
  const shownId = () => (shown() ? shown().dataset.task : "");
  const narrow = () => matchMedia("(max-width: 900px)").matches;
  const say = (text) => { document.getElementById("status").textContent = text; };
  const address = (id) => panes.dataset.base + (id ? id + "/" : "") + (query ? "?" + query : "");

  async function get(url, headers) {
    const response = await fetch(url, { headers: Object.assign({ "X-Fragment": "1" }, headers), credentials: "same-origin" });
    if (response.redirected) { location.reload(); throw new Error("signed out"); }
    if (!headers || !headers["X-Poll"]) { document.dispatchEvent(new Event("seen")); }
    return response;
  }

  async function post(url, data) {
    data.set("csrfmiddlewaretoken", token);
    const response = await fetch(url, { method: "POST", body: data, headers: { "X-Fragment": "1" }, credentials: "same-origin" });
    if (response.redirected) { location.reload(); throw new Error("signed out"); }
    document.dispatchEvent(new Event("seen"));
    const json = (response.headers.get("Content-Type") || "").includes("json");
    const answer = { ok: response.ok, status: response.status, body: json ? await response.json() : { error: "The server answered " + response.status } };
    return answer.body.confirm && await prove(answer.body) ? post(url, data) : answer;
  }

  // The server wants to know once more who this is. With the proof the same request goes out again, as it was.
  function prove(asked) {
    const dialog = document.getElementById("prove"), form = dialog.querySelector("form"), field = form.elements.proof;
    const problem = dialog.querySelector("[data-problem]");
    form.reset(); problem.hidden = true;
    dialog.querySelector("[data-asked]").textContent = asked.confirm.why;
    dialog.querySelector("label").textContent = asked.confirm.label;
    field.type = asked.confirm.byCode ? "text" : "password";
    field.autocomplete = asked.confirm.byCode ? "one-time-code" : "current-password";
    dialog.showModal();
    field.focus();
    return new Promise(function (resolve) {
      let right = false;
      dialog.onclose = () => { form.reset(); resolve(right); };
      form.onsubmit = async function (event) {
        if (event.submitter && event.submitter.value !== "go") { return; }
        event.preventDefault();
        const data = new FormData();
        data.set("proof", field.value);
        let answer;
        try { answer = await post(dialog.dataset.address, data); }
        catch (error) { answer = { ok: false, body: { error: "The server did not answer. Try again." } }; }
        if (answer.ok) { right = true; dialog.close(); return; }
        problem.textContent = answer.body.error; problem.hidden = false;
        field.value = ""; field.focus();
      };
    });
  }

  // --- times ---------------------------------------------------------------------------------------------------
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto", style: "short" });
  function tellTimes() {
    document.querySelectorAll("time[data-ago]").forEach(function (time) {
      const at = new Date(time.dateTime), seconds = (at - Date.now()) / 1000, size = Math.abs(seconds);
      const unit = size < 90 ? ["second", 1] : size < 5400 ? ["minute", 60] : size < 129600 ? ["hour", 3600] : ["day", 86400];
      time.textContent = words.format(Math.round(seconds / unit[1]), unit[0]);
      time.title = at.toLocaleString() + " (" + at.toISOString().slice(0, 16) + " UTC)";
    });
  }

  // --- the list ------------------------------------------------------------------------------------------------
  function mark() {
    const current = shownId();
    rows().forEach(function (row) {
      const link = row.querySelector(".row-link"), on = row.dataset.id === current;
      row.classList.toggle("current", on);
      if (on) { link.setAttribute("aria-current", "true"); } else { link.removeAttribute("aria-current"); }
      row.querySelector(".pick").checked = picked.has(row.dataset.id);
    });
    picked.forEach((id) => { if (!rowOf(id)) { picked.delete(id); } });
    bulk.hidden = picked.size === 0;
    document.getElementById("bulk-count").textContent = picked.size ? picked.size + " selected" : "";
    tellTimes();
  }

  function putList(html) {
    const active = document.activeElement, row = active && list.contains(active) ? active.closest(".row") : null;
    const kind = row ? (active.classList.contains("pick") ? ".pick" : ".row-link") : "";
    list.innerHTML = html;
    gone.forEach((id) => { const old = rowOf(id); if (old) { old.remove(); } });
    if (row && rowOf(row.dataset.id)) { rowOf(row.dataset.id).querySelector(kind).focus({ preventScroll: true }); }
    const holder = list.querySelector("[data-badge]"), badge = document.querySelector("[data-badge='" + panes.dataset.base + "']");
    if (holder && badge) { badge.textContent = holder.dataset.badge; badge.hidden = !holder.dataset.badge; }
    const now = shownId() && rowOf(shownId());
    if (now && shown().dataset.version !== now.dataset.version && !busy) { changedMeanwhile(); }
    mark();
  }

  async function poll(force) {
    clearTimeout(timer);
    if (document.visibilityState !== "visible") { return; }
    try {
      const headers = { "X-Poll": "1" };
      if (etag && !force) { headers["If-None-Match"] = etag; }
      const response = await get(panes.dataset.base + "list/" + (query ? "?" + query : ""), headers);
      if (response.status === 200) { etag = response.headers.get("ETag") || ""; putList(await response.text()); gone.clear(); }
      wait = response.ok || response.status === 304 ? POLL_MS : Math.min(POLL_MOST_MS, wait * 2);
    } catch (error) { wait = Math.min(POLL_MOST_MS, wait * 2); }
    tellTimes();
    timer = setTimeout(poll, wait);
  }

  // --- the task ------------------------------------------------------------------------------------------------
  function fetchPane(id, version) {
    const key = id + ":" + version;
    if (!ahead.has(key)) {
      ahead.set(key, get(address(id)).then((response) => (response.ok ? response.text() : Promise.reject(new Error(response.status)))));
      ahead.get(key).catch(() => ahead.delete(key));
    }
    return ahead.get(key);
  }

  async function open(id, options) {
    const row = rowOf(id), how = options || {};
    let html;
    try { html = await fetchPane(id, row && !how.fresh ? row.dataset.version : "now" + Date.now()); }
    catch (error) { say("The task could not be loaded."); return; }
    detail.innerHTML = html;
    detail.scrollTop = 0;
    panes.dataset.pane = how.stay && narrow() ? panes.dataset.pane : "detail";
    if (how.push !== false) { history.pushState({ id: id }, "", address(id)); }
    const title = shown() ? shown().dataset.title : "";
    document.title = title || document.title;
    if (how.focus || narrow()) { const head = detail.querySelector("h2"); if (head) { head.focus({ preventScroll: true }); } }
    if (narrow()) { scrollTo(0, 0); }
    mark();
    if (rowOf(id)) { rowOf(id).scrollIntoView({ block: "nearest" }); }
    const next = neighbour(id, 1);
    if (next) { fetchPane(next.dataset.id, next.dataset.version); }
  }

  function neighbour(id, step) {
    const all = rows(), at = all.findIndex((row) => row.dataset.id === String(id));
    return at < 0 ? all[step > 0 ? 0 : all.length - 1] : all[at + step];
  }

  function move(step) {
    const row = neighbour(shownId(), step);
    if (row) { open(row.dataset.id, { push: false }).then(() => history.replaceState({ id: row.dataset.id }, "", address(row.dataset.id))); }
  }

  function showQueue() {
    panes.dataset.pane = "list";
    history.pushState({}, "", address(""));
    const row = rowOf(shownId()) || rows()[0];
    if (row) { row.querySelector(".row-link").focus(); }
  }

  function changedMeanwhile() {
    const place = document.getElementById("refusal");
    if (!place || place.childElementCount) { return; }
    const box = document.createElement("div"), button = document.createElement("button");
    box.className = "notice"; box.setAttribute("role", "alert");
    box.append("This task was changed while you were looking at it. ");
    button.type = "button"; button.className = "btn small"; button.textContent = "Show it as it is now";
    button.addEventListener("click", () => open(shownId(), { push: false, fresh: true, focus: true }));
    box.append(button); place.replaceChildren(box);
    say("This task was changed while you were looking at it.");
  }

  // --- deciding ------------------------------------------------------------------------------------------------
  function seen() {
    const data = new FormData(), form = detail.querySelector("form.actions");
    ["version", "digest", "event"].forEach((name) => data.set(name, form.elements[name].value));
    return data;
  }

  async function act(verb, extra) {
    if (busy || !shown()) { return true; }
    busy = true;
    const id = shownId(), form = detail.querySelector("form.actions"), data = seen();
    Object.entries(extra || {}).forEach(([name, value]) => data.set(name, value));
    try {
      const answer = await post(form.dataset.acts.replace("VERB", verb), data);
      if (answer.ok) { await done(id, verb, answer.body); return true; }
      return await refused(id, answer);
    } catch (error) { say("The server did not answer. Nothing was lost: try again."); return "The server did not answer. Try again."; }
    finally { busy = false; }
  }

  async function done(id, verb, body) {
    notify(body.message, body.undo ? id : 0, body.undoSeconds);
    if (["approve", "reject", "defer"].includes(verb)) { leave([id]); await advance(id); poll(true); return; }
    ahead.clear();
    await open(id, { push: false, fresh: true, stay: true });
    poll(true);
  }

  function leave(ids) {
    ids.forEach(function (id) { gone.add(String(id)); picked.delete(String(id)); });
  }

  async function advance(id) {
    const row = rowOf(id), next = row ? neighbour(id, 1) || neighbour(id, -1) : rows().find((one) => !gone.has(one.dataset.id));
    if (row) { row.remove(); }
    if (next && next.isConnected) {
      await open(next.dataset.id, { push: false });
      history.replaceState({ id: next.dataset.id }, "", address(next.dataset.id));
      return;
    }
    await poll(true);
    const first = rows()[0];
    if (first) { await open(first.dataset.id, { push: false }); return; }
    const note = document.createElement("div");
    note.className = "empty"; note.textContent = "Nothing waits for you.";
    detail.replaceChildren(note);
    panes.dataset.pane = "list";
    history.replaceState({}, "", address(""));
    say("Nothing waits for you.");
  }

  async function refused(id, answer) {
    if (answer.status !== 409) { showProblem(answer.body.error); return answer.body.error; }
    ahead.clear();
    await open(id, { push: false, fresh: true, stay: true });
    document.getElementById("refusal").innerHTML = answer.body.changed;
    detail.scrollTop = 0;
    say(answer.body.error);
    poll(true);
    return answer.body.error;
  }

  function showProblem(text) {
    const place = document.getElementById("refusal"), box = document.createElement("div");
    box.className = "notice bad"; box.setAttribute("role", "alert"); box.textContent = text;
    if (place) { place.replaceChildren(box); detail.scrollTop = 0; }
    say(text);
  }

  function notify(text, id, seconds) {
    clearTimeout(toastTimer);
    undoId = id;
    toast.querySelector("span").textContent = text;
    toast.querySelector("[data-undo]").hidden = !id;
    toast.hidden = false;
    say(text);
    toastTimer = setTimeout(() => { toast.hidden = true; }, Math.max(6000, (seconds || 0) * 1000));
  }

  async function undo() {
    if (!undoId || busy) { return; }
    busy = true;
    const id = undoId; undoId = 0;
    try {
      const answer = await post(panes.dataset.base + id + "/undo/", new FormData());
      notify(answer.ok ? answer.body.message : answer.body.error, 0);
      gone.delete(String(id)); ahead.clear();
      await poll(true);
      if (answer.ok) { await open(id, { push: false, fresh: true }); }
    } finally { busy = false; }
  }

  // --- dialogs -------------------------------------------------------------------------------------------------
  function ask(name, subject, send) {
    const dialog = document.getElementById(name), form = dialog.querySelector("form"), problem = dialog.querySelector("[data-problem]");
    if (dialog.dataset.subject !== subject) { form.reset(); dialog.dataset.subject = subject; }
    dialog.querySelector("[data-subject]").textContent = subject;
    if (problem) { problem.hidden = true; }
    dialog.onclose = null;
    form.onsubmit = async function (event) {
      if (event.submitter && event.submitter.value !== "go") { return; }
      event.preventDefault();
      const answer = await send(Object.fromEntries(new FormData(form)));
      if (answer === true) { form.reset(); dialog.close(); return; }
      if (problem) { problem.textContent = answer; problem.hidden = false; }
    };
    dialog.showModal();
    const first = dialog.querySelector("textarea, select");
    if (first) { first.focus(); }
    return dialog;
  }

  function start(verb) {
    if (!shown()) { return; }
    const button = detail.querySelector('[data-act="' + verb + '"]');
    if (!button || button.disabled) {
      const why = document.getElementById("may-not");
      say(why ? why.textContent : "This cannot be done now.");
      return;
    }
    const subject = shown().dataset.title;
    if (verb === "edit") { location.href = button.href; }
    else if (verb === "approve" && shown().dataset.confirm) {
      const dialog = ask("confirm", subject, (fields) => act("approve", fields));
      dialog.querySelector("[data-summary]").replaceChildren(summary());
      noteIsNeeded(dialog, true);
    } else if (verb === "approve") { act("approve"); }
    else if (["reject", "ask", "defer"].includes(verb)) { ask(verb, subject, (fields) => act(verb, fields)); }
    else { act(verb); }
  }

  function summary() {
    const copy = document.createDocumentFragment();
    detail.querySelectorAll(".sentence, .flags").forEach((part) => copy.append(part.cloneNode(true)));
    return copy;
  }

  function noteIsNeeded(dialog, needed) {
    dialog.querySelector("textarea").required = needed;
    dialog.querySelector("[data-needed]").hidden = !needed;
  }

  function startBulk(verb) {
    if (verb === "none") { picked.clear(); mark(); return; }
    const chosen = rows().filter((row) => picked.has(row.dataset.id));
    const dialog = ask(verb === "approve" ? "confirm" : "reject", chosen.length + " tasks", (fields) => sendBulk(verb, chosen, fields));
    if (verb === "approve") {
      noteIsNeeded(dialog, false);
      const high = chosen.filter((row) => Number(row.dataset.risk) >= 3).length, note = document.createElement("ul");
      chosen.forEach(function (row) { const item = document.createElement("li"); item.textContent = "#" + row.dataset.id + " " + row.querySelector(".row-title").textContent; note.append(item); });
      const text = document.createElement("p");
      text.textContent = high ? high + " of high risk are left out: each is decided by itself." : "";
      dialog.querySelector("[data-summary]").replaceChildren(note, text);
    }
  }

  async function sendBulk(verb, chosen, fields) {
    const data = new FormData();
    chosen.forEach((row) => data.append("row", [row.dataset.id, row.dataset.version, row.dataset.digest].join(":")));
    data.set("verb", verb); data.set("text", fields.text || ""); data.set("code", fields.code || "");
    const answer = await post(bulk.action, data);
    if (!answer.ok) { return answer.body.error; }
    const failed = answer.body.results.filter((row) => row.error);
    if (failed.length && failed.every((row) => row.code === "invalid")) { return failed[0].error; }
    leave(answer.body.results.filter((row) => !row.error).map((row) => row.id));
    picked.clear(); failed.forEach((row) => picked.add(String(row.id)));
    const told = failed.map((row) => "#" + row.id + ": " + row.error).join(" · ");
    notify(answer.body.done + " done" + (failed.length ? ", " + failed.length + " not. " + told : "."), 0, failed.length ? 20 : 0);
    const current = shownId();
    await poll(true);
    if (!rowOf(current) && rows()[0]) { await open(rows()[0].dataset.id, { push: false, stay: true }); }
    return true;
  }

  function pick(row, range) {
    const all = rows(), id = row.dataset.id, on = !picked.has(id);
    const from = range && lastPick ? all.findIndex((one) => one.dataset.id === lastPick) : -1, to = all.indexOf(row);
    const chosen = from >= 0 ? all.slice(Math.min(from, to), Math.max(from, to) + 1) : [row];
    chosen.forEach((one) => { if (on || range) { picked.add(one.dataset.id); } else { picked.delete(one.dataset.id); } });
    lastPick = id;
    mark();
  }

  // --- events --------------------------------------------------------------------------------------------------
  list.addEventListener("click", function (event) {
    const row = event.target.closest(".row");
    if (!row) { return; }
    if (event.target.classList.contains("pick")) { event.preventDefault(); setTimeout(() => pick(row, event.shiftKey)); return; }
    if (event.target.closest("a") && !event.metaKey && !event.ctrlKey) { event.preventDefault(); open(row.dataset.id, { focus: true }); }
  });
  detail.addEventListener("click", function (event) {
    if (event.target.closest("[data-back]") && narrow()) { event.preventDefault(); showQueue(); return; }
    const button = event.target.closest("[data-act]");
    if (button) { event.preventDefault(); start(button.dataset.act); }
  });
  bulk.addEventListener("click", function (event) {
    const button = event.target.closest("[data-bulk]");
    if (button) { startBulk(button.dataset.bulk); }
  });
  toast.querySelector("[data-undo]").addEventListener("click", undo);
  document.querySelectorAll("[data-open]").forEach((button) => button.addEventListener("click", () => document.getElementById(button.dataset.open).showModal()));

  const filters = document.getElementById("filters");
  filters.classList.add("live");
  function applyFilters() {
    const fields = new URLSearchParams(new FormData(filters));
    Array.from(fields.entries()).forEach(([name, value]) => { if (!value || (name === "view" && value === "all")) { fields.delete(name); } });
    query = fields.toString(); etag = ""; ahead.clear();
    history.replaceState(history.state, "", address(narrow() ? "" : shownId()));
    poll(true);
  }
  let typing = 0;
  filters.addEventListener("change", applyFilters);
  filters.addEventListener("input", function (event) { if (event.target.id === "q") { clearTimeout(typing); typing = setTimeout(applyFilters, 250); } });
  filters.addEventListener("submit", function (event) { event.preventDefault(); applyFilters(); });

  const keysOn = document.getElementById("keys-on");
  try { keysOn.checked = localStorage.getItem("review-keys") !== "off"; } catch (error) { keysOn.checked = true; }
  keysOn.addEventListener("change", function () {
    try { localStorage.setItem("review-keys", keysOn.checked ? "on" : "off"); } catch (error) { say("Kept for this page only."); }
  });
  const KEYS = {
    j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
    Enter: () => { if (shownId()) { open(shownId(), { push: narrow(), focus: true }); } },
    a: () => start("approve"), r: () => start("reject"), e: () => start("edit"), s: () => start("defer"), q: () => start("ask"),
    c: () => start(detail.querySelector('[data-act="release"]') ? "release" : "claim"),
    z: undo, "/": () => document.getElementById("q").focus(), "?": () => document.getElementById("help").showModal(),
    Escape: () => { if (narrow() && panes.dataset.pane === "detail") { showQueue(); } },
  };
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !keysOn.checked || document.querySelector("dialog[open]")) { return; }
    const target = event.target, kind = target.tagName;
    if (kind === "TEXTAREA" || kind === "SELECT" || (kind === "INPUT" && target.type !== "checkbox")) {
      if (event.key === "Escape") { target.blur(); }
      return;
    }
    if (["Enter", "ArrowDown", "ArrowUp"].includes(event.key) && target.closest("a, button, summary, pre, .bar, .pane-detail")) {
      if (event.key === "Enter" || !target.closest(".row-link")) { return; }
    }
    if (event.key.toLowerCase() === "x") {
      const row = rowOf(shownId());
      if (row) { event.preventDefault(); pick(row, event.shiftKey); }
      return;
    }
    const run = KEYS[event.key];
    if (run) { event.preventDefault(); run(); }
  });

  addEventListener("popstate", function (event) {
    const found = location.pathname.match(/(\d+)\/$/);
    query = location.search.slice(1);
    if (found) { open(found[1], { push: false }); } else { panes.dataset.pane = "list"; mark(); }
  });
  document.addEventListener("visibilitychange", function () { if (document.visibilityState === "visible") { poll(); } });
  setInterval(tellTimes, 30000);
  mark();
  timer = setTimeout(poll, POLL_MS);
  document.documentElement.dataset.ready = "1";
})();
