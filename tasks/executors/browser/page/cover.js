// Covers what no picture may show: password fields, fields and text that hold a typed secret. The text itself stays as it
// is, and style sheets made by script apply whatever the page's policy says.
const secrets = arguments[0];
const roots = [document];
for (let n = 0; n < roots.length && n < 2000; n++) for (const el of roots[n].querySelectorAll("*")) if (el.shadowRoot) roots.push(el.shadowRoot);
const sheet = new CSSStyleSheet();
sheet.replaceSync("input[type=password],[data-agency-secret],[data-agency-covered]{color:transparent!important;-webkit-text-security:disc!important;text-shadow:none!important;caret-color:transparent!important} ::highlight(agency-cover){color:transparent;background-color:#555;text-shadow:none;text-decoration:none}");
const holds = (text) => secrets.some((secret) => text && text.includes(secret));
const ranges = [];
const fields = [];
for (const root of roots) {
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  if (!secrets.length) continue;
  for (const el of root.querySelectorAll("input,textarea,select")) if (holds(el.value)) { el.setAttribute("data-agency-covered", ""); fields.push(el); }
  // A secret may be split over several text nodes: it is looked for in all of them together.
  const nodes = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let at = 0, node = walker.nextNode(); node; node = walker.nextNode()) { nodes.push({ node, at }); at += node.data.length; }
  const whole = nodes.map((one) => one.node.data).join("");
  const place = (offset) => { let low = 0, high = nodes.length - 1; while (low < high) { const mid = (low + high + 1) >> 1; if (nodes[mid].at <= offset) low = mid; else high = mid - 1; } return [nodes[low].node, offset - nodes[low].at]; };
  for (const secret of secrets) for (let at = whole.indexOf(secret); secret && at >= 0; at = whole.indexOf(secret, at + 1)) {
    const range = new Range();
    range.setStart(...place(at));
    const [last, offset] = place(at + secret.length - 1);
    range.setEnd(last, offset + 1);
    ranges.push(range);
  }
}
if (ranges.length) CSS.highlights.set("agency-cover", new Highlight(...ranges));
window.__agencyUncover = () => {
  for (const root of roots) root.adoptedStyleSheets = root.adoptedStyleSheets.filter((one) => one !== sheet);
  for (const el of fields) el.removeAttribute("data-agency-covered");
  CSS.highlights.delete("agency-cover");
};
