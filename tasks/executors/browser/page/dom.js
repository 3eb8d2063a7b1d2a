// Shared by the scripts that look at elements: walking, visibility, roles, names, nearby text.
const clean = (text, longest = 160) => {
  text = text || "";
  // White space may be most of it, but nobody needs megabytes collapsed for a line of it.
  if (text.length > longest * 8 + 2000) text = text.slice(0, longest * 8 + 2000);
  return text.replace(/\s+/g, " ").trim().slice(0, longest);
};

const composedParent = (el) => el.assignedSlot || el.parentElement || (el.getRootNode() instanceof ShadowRoot ? el.getRootNode().host : null);

// Every element below root, through open shadow roots, in document order, up to `most`.
const walk = (root, most, visit) => {
  let count = 0;
  const step = (node) => {
    for (let el = node.firstElementChild; el; el = el.nextElementSibling) {
      if (++count > most) return false;
      if (visit(el) !== false) {
        if (el.shadowRoot && !step(el.shadowRoot)) return false;
        if (!step(el)) return false;
      }
    }
    return true;
  };
  return step(root);
};

const visible = (el) => {
  if (el.checkVisibility && !el.checkVisibility({ visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true })) return false;
  const box = el.getBoundingClientRect();
  if (box.width > 1 && box.height > 1) return true;
  // An inline element around a block, or a zero-sized wrapper, still shows what is inside it.
  for (const child of el.children) {
    const inner = child.getBoundingClientRect();
    if (inner.width > 1 && inner.height > 1) return true;
  }
  return false;
};

const IMPLICIT = {
  A: (el) => (el.hasAttribute("href") ? "link" : "generic"), AREA: () => "link", BUTTON: () => "button", SUMMARY: () => "button",
  TEXTAREA: () => "textbox", OPTION: () => "option", IMG: () => "img", NAV: () => "navigation", MAIN: () => "main", LI: () => "listitem",
  TR: () => "row", TD: () => "cell", TH: () => "columnheader",
  SELECT: (el) => (el.multiple || el.size > 1 ? "listbox" : "combobox"),
  H1: () => "heading", H2: () => "heading", H3: () => "heading", H4: () => "heading", H5: () => "heading", H6: () => "heading",
  INPUT: (el) => ({ button: "button", submit: "button", reset: "button", image: "button", file: "button", color: "button", checkbox: "checkbox",
    radio: "radio", range: "slider", number: "spinbutton", search: "searchbox" }[el.type] || (el.list ? "combobox" : "textbox")),
};
// Chromium could tell computed roles and names itself, but builds its accessibility tree anew for every one that is
// asked (40 ms each, measured); these few rules of accname give the same on what can be acted on, in any browser.
const roleOf = (el) => {
  const asked = (el.getAttribute("role") || "").trim().split(/\s+/)[0];
  if (asked && asked !== "none" && asked !== "presentation") return asked;
  return IMPLICIT[el.tagName] ? IMPLICIT[el.tagName](el) : "generic";
};

const byIds = (el, attribute) => (el.getAttribute(attribute) || "").split(/\s+/).filter(Boolean)
  .map((id) => el.getRootNode().getElementById && el.getRootNode().getElementById(id)).filter(Boolean).map((found) => found.textContent).join(" ");
const textAlternative = (el) => {
  let text = "";
  for (const node of el.childNodes) {
    if (node.nodeType === 3) text += node.data;
    else if (node.nodeType === 1 && node.getAttribute("aria-hidden") !== "true" && node.tagName !== "STYLE" && node.tagName !== "SCRIPT" && (!node.checkVisibility || node.checkVisibility())) {
      text += " " + (node.getAttribute("aria-label") || node.getAttribute("alt") || (node.tagName === "svg" && node.querySelector("title") ? node.querySelector("title").textContent : textAlternative(node))) + " ";
    }
  }
  return text;
};
const labelText = (el) => [...(el.labels || [])].map((label) => textAlternative(label)).join(" ");
const nameOf = (el) => {
  const field = /^(INPUT|SELECT|TEXTAREA)$/.test(el.tagName);
  const button = el.tagName === "INPUT" && /^(submit|button|reset)$/.test(el.type);
  return clean(byIds(el, "aria-labelledby") || el.getAttribute("aria-label") || labelText(el) || el.getAttribute("alt") || (button ? el.value || el.type : "") ||
    (field ? "" : textAlternative(el)) || el.getAttribute("title") || el.getAttribute("placeholder"));
};

// The text of a part of the page with a space between its pieces, cheaply (no layout); long parts are cut.
const spaced = (root, longest = 600) => {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let text = "";
  for (let node = walker.nextNode(); node && text.length < longest; node = walker.nextNode()) if (!/^(SCRIPT|STYLE)$/.test(node.parentNode.tagName)) text += node.data + " ";
  return text;
};

const ownText = (el) => { let text = ""; for (const node of el.childNodes) if (node.nodeType === 3) text += node.data; return clean(text); };

// camelCase, kebab-case and snake_case identifiers as words.
const words = (text) => (text || "").replace(/([a-z0-9])([A-Z])/g, "$1 $2").split(/[^\p{L}\p{N}]+/u).filter((w) => w && w.length < 25);

const HEADINGS = "h1,h2,h3,h4,h5,h6,legend,caption,summary,[role=heading],dt";
const headingIn = (el) => {
  const labelled = byIds(el, "aria-labelledby") || el.getAttribute("aria-label");
  if (labelled) return clean(labelled, 100);
  const heading = el.querySelector(HEADINGS);
  return heading ? clean(heading.textContent, 100) : "";
};

const LANDMARKS = { HEADER: "header", NAV: "nav", MAIN: "main", ASIDE: "aside", FOOTER: "footer", DIALOG: "dialog", FORM: "form" };
const LANDMARK_ROLES = { banner: "header", navigation: "nav", main: "main", complementary: "aside", contentinfo: "footer", dialog: "dialog", alertdialog: "dialog", search: "search", form: "form", toolbar: "toolbar", menu: "menu", menubar: "menu", tablist: "tabs", tabpanel: "tabpanel" };
const landmarkOf = (el) => LANDMARK_ROLES[el.getAttribute("role")] || LANDMARKS[el.tagName] || "";
