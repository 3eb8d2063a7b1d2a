// Counts what a click does to the page, so that a click that did nothing is seen.
window.__agencySeen = { changes: 0, url: location.href, events: 0 };
if (window.__agencyObserver) window.__agencyObserver.disconnect();
window.__agencyObserver = new MutationObserver((list) => { window.__agencySeen.changes += list.length; });
window.__agencyObserver.observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
for (const name of ["change", "input", "focusin", "submit", "scroll"]) document.addEventListener(name, () => { window.__agencySeen && window.__agencySeen.events++; }, { capture: true, once: true });
return true;
