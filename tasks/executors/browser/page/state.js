// Where the window really is: drivers report success for refused connections and error pages.
const entry = performance.getEntriesByType("navigation")[0];
const code = document.querySelector(".error-code");
return {
  href: location.href,
  ready: document.readyState,
  title: document.title.slice(0, 500),
  status: entry ? entry.responseStatus || 0 : 0,
  redirects: entry ? entry.redirectCount || 0 : 0,
  error: location.href.startsWith("chrome-error:") ? (code ? code.innerText.trim() : "ERR_FAILED") : "",
};
