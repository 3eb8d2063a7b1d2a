// Everything that can be acted on in this document: one pass, one answer. The elements stay in the page, by index.
const ask = arguments[0];
const MOST_ELEMENTS = 120000, MOST_FULL = 1500;
const fieldsOnly = ask.kind === "type" || ask.kind === "select" || ask.kind === "upload";
const TEXT_TYPES = /^(text|search|email|tel|url|password|number|date|datetime-local|month|week|time|color|range|)$/;
const ROLES = /^(button|link|checkbox|radio|switch|tab|menuitem|menuitemcheckbox|menuitemradio|option|treeitem|combobox|textbox|searchbox|spinbutton|slider|gridcell|listbox)$/;
const FIELD_ROLES = /^(combobox|textbox|searchbox|spinbutton|slider|listbox)$/;
const wanted = ask.words || [];

const isField = (el) => {
  if (ask.kind === "upload") return el.tagName === "INPUT" && el.type === "file";
  if (el.tagName === "INPUT") return TEXT_TYPES.test(el.type) || (ask.kind === "select" && /^(checkbox|radio)$/.test(el.type));
  if (el.tagName === "TEXTAREA" || el.tagName === "SELECT" || el.isContentEditable) return !(el.isContentEditable && el.parentElement && el.parentElement.isContentEditable);
  return FIELD_ROLES.test(el.getAttribute("role") || "");
};
const native = (el) => /^(BUTTON|SUMMARY|SELECT|TEXTAREA|OPTION)$/.test(el.tagName) || (el.tagName === "INPUT" && el.type !== "hidden") || (/^(A|AREA)$/.test(el.tagName) && el.hasAttribute("href"));

// How we know that an element can be acted on, strongest first; "" when it cannot.
const rankOf = (el) => {
  if (native(el)) return "native";
  if (ROLES.test(el.getAttribute("role") || "")) return "role";
  if (el.tagName === "LABEL" && el.control) return "label";
  if (el.isContentEditable && !(el.parentElement && el.parentElement.isContentEditable)) return "role";
  if (el.hasAttribute("onclick") || el.hasAttribute("ng-click") || el.hasAttribute("jsaction") || el.hasAttribute("data-action") || el.hasAttribute("data-href")) return "handler";
  if (el.hasAttribute("tabindex") && el.tabIndex >= 0 && el !== document.body) return "handler";
  return "";
};
const pointer = (el) => getComputedStyle(el).cursor === "pointer" && !(el.parentElement && getComputedStyle(el.parentElement).cursor === "pointer");

const found = [];
const texts = [];
const seenRank = new Map();
const whole = walk(document, MOST_ELEMENTS, (el) => {
  if (/^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|HEAD)$/.test(el.tagName)) return false;
  if (fieldsOnly) { if (isField(el)) { found.push(el); seenRank.set(el, "native"); } return true; }
  const rank = rankOf(el);
  if (rank) { found.push(el); seenRank.set(el, rank); return el.tagName !== "SELECT"; }
  texts.push(el);
  return true;
});
if (!fieldsOnly && texts.length < 30000) {
  for (const el of texts) if (!(el instanceof SVGElement) && el !== document.body && el !== document.documentElement && pointer(el) && !(el.closest("a[href],button,label"))) { found.push(el); seenRank.set(el, "pointer"); }
}
// Text that says what is wanted, for pages whose clickable things have neither role nor pointer.
const folded = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replace(/ß/g, "ss");
// The caption of a box or switch is not what is pressed; where that one cannot be seen, nothing is.
const asked = new Map();
const captions = (parent) => {
  if (!parent || parent === document.body) return false;
  if (!asked.has(parent)) asked.set(parent, Boolean(parent.querySelector(":scope > [role=switch],:scope > [role=checkbox],:scope > [role=radio]")));
  return asked.get(parent);
};
if (!fieldsOnly && wanted.length) {
  for (const el of texts) {
    if (seenRank.has(el) || el instanceof SVGElement) continue;
    const own = folded(ownText(el));
    if (!own || own.length > 120) continue;
    const hits = wanted.filter((word) => own.includes(word)).length;
    if (hits >= Math.max(1, Math.ceil(wanted.length * 0.6)) && !el.closest("a[href],button,label,[role=button],[role=link]") && !captions(el.parentElement)) { found.push(el); seenRank.set(el, "text"); }
  }
}
found.sort((a, b) => (a === b ? 0 : a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));

// On very large pages only what shares a word with the instruction is looked at closely.
let close = found;
if (found.length > MOST_FULL && wanted.length) {
  const short = found.filter((el) => {
    const cheap = folded([el.textContent.slice(0, 300), el.getAttribute("aria-label"), el.title, el.getAttribute("placeholder"), el.getAttribute("alt"), el.value, el.id, el.getAttribute("name"), el.getAttribute("data-testid")].join(" "));
    return wanted.some((word) => cheap.includes(word));
  });
  if (short.length) close = short;
}
close = close.slice(0, ask.most || MOST_FULL);

// The heading under which an element stands, when no section says so: beside one of its ancestors, else the last before it.
const headings = [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].filter((heading) => heading.textContent.trim());
const lastHeading = (el) => {
  let low = 0, high = headings.length;
  while (low < high) { const middle = (low + high) >> 1; if (headings[middle].compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING) low = middle + 1; else high = middle; }
  return low ? clean(headings[low - 1].textContent, 80) : "";
};
const headingAbove = (el) => {
  for (let up = el, n = 0; up && up !== document.body && n < 7; up = up.parentElement, n++) for (let before = up.previousElementSibling, m = 0; before && m < 5; before = before.previousElementSibling, m++) if (/^H[1-6]$/.test(before.tagName)) return clean(before.textContent, 80);
  return "";
};
// The lists of the page: siblings that are built alike, whatever they are made of. What a list is called comes from its
// names, its heading and the heads of its columns.
const lists = [];
const listsOf = new Map();
const shapeOf = (el) => (/^(LI|TR|ARTICLE|DETAILS)$/.test(el.tagName) ? el.tagName : `${el.tagName}|${el.getAttribute("role") || ""}|${typeof el.className === "string" ? el.className.trim().split(/\s+/)[0] : ""}`);
const legend = (box) => { const found = box.querySelector(":scope > legend"); return found ? clean(found.textContent, 80) : ""; };
const called = (el) => `${el.id} ${typeof el.className === "string" ? el.className : ""} ${el.getAttribute("aria-label") || ""} ${byIds(el, "aria-labelledby")}`;
const isRecord = (el) => !/^(TD|TH|DT|DD|OPTION|SPAN|P|B|I|H[1-6]|TBODY|THEAD|BR|INPUT|SELECT|LABEL|SVG)$/i.test(el.tagName) && !(el.tagName === "TR" && !el.querySelector("td")) && el.textContent.trim().length > 1;
const listOf = (el) => {
  const parent = el.parentNode;
  if (!parent || parent === document.documentElement || !isRecord(el)) return null;
  if (!listsOf.has(parent)) {
    const alike = new Map();
    for (const child of parent.children) { if (!isRecord(child)) continue; const shape = shapeOf(child); if (!alike.has(shape)) alike.set(shape, []); alike.get(shape).push(child); }
    const places = new Map();
    for (const members of alike.values()) {
      if (members.length < 2) continue;
      const table = el.closest("table");
      const box = parent.nodeType === 1 ? parent : parent.host;
      const heads = table && el.tagName === "TR" ? `${called(table)} ${table.caption ? table.caption.textContent : ""} ${[...(table.tHead ? table.tHead.querySelectorAll("th,td") : [])].map((head) => head.textContent).join(" ")}` : "";
      lists.push({ of: members.length, size: Math.round(members.reduce((sum, member) => sum + member.textContent.length, 0) / members.length), called: clean(words(`${called(box)} ${called(members[0])} ${heads} ${members[0].tagName}`).join(" "), 300), heading: legend(box) || headingAbove(members[0]) || headingAbove(box) });
      members.forEach((member, at) => places.set(member, [lists.length - 1, at + 1]));
    }
    listsOf.set(parent, places);
  }
  return listsOf.get(parent).get(el) || null;
};
const rowTexts = new Map();
const rowText = (el) => { if (!rowTexts.has(el)) rowTexts.set(el, clean(el.innerText || el.textContent, 300)); return rowTexts.get(el); };
const around = (el) => {
  const marks = [], groups = [], zone = new Set(), records = [];
  let row = "", modal = false, depth = 0;
  const own = clean(el.innerText || el.textContent, 300).length;
  if (listOf(el)) records.push(listOf(el));
  for (let up = composedParent(el); up && up !== document.body && depth < 14; up = composedParent(up), depth++) {
    const mark = landmarkOf(up);
    if (mark) marks.push(mark);
    if (mark === "dialog" || up.getAttribute("aria-modal") === "true") modal = true;
    if (!row && /^(TR|LI|ARTICLE|DD)$/.test(up.tagName) || !row && /^(row|listitem|article|option|treeitem)$/.test(up.getAttribute("role") || "")) row = rowText(up);
    const place = listOf(up);
    if (place && records.length < 4) records.push(place);
    if (!row && place && lists[place[0]].of > 2 && rowText(up).length > own + 2) row = rowText(up);
    if (groups.length < 4 && (/^(FIELDSET|SECTION|ARTICLE|FORM|DIALOG|TABLE|DETAILS|ASIDE|NAV)$/.test(up.tagName) || up.getAttribute("role") || up.hasAttribute("aria-label"))) { const heading = headingIn(up); if (heading) groups.push(heading); }
    if (zone.size < 40) for (const word of words(`${up.id} ${typeof up.className === "string" ? up.className : ""} ${up.getAttribute("data-testid") || ""}`)) zone.add(word.toLowerCase());
  }
  return { marks, groups, zone: [...zone], row, records, modal, heading: headingAbove(el) || lastHeading(el) };
};

// The words beside a field that has no label: just before it (or in the cell before), then just after.
const beside = (el) => {
  const textOf = (node) => (node.nodeType === 3 ? clean(node.data, 80) : node.nodeType === 1 && !/^(SCRIPT|STYLE|INPUT|SELECT|TEXTAREA|BUTTON)$/.test(node.tagName) && !node.querySelector("input,select,textarea") ? clean(node.innerText || node.textContent, 80) : "");
  const look = (from, direction) => {
    let node = from;
    for (let up = 0; up < 3 && node && node.tagName !== "TR"; up++, node = node.parentElement) {
      for (let near = node[direction], n = 0; near && n < 4; near = near[direction], n++) {
        if (near.nodeType === 1 && near.matches("input:not([type=hidden]),select,textarea,button")) break;
        const text = textOf(near);
        if (text) return text;
        if (near.nodeType === 1 && near.querySelector && near.querySelector("input,select,textarea")) break;
      }
      if (node.parentElement && node.parentElement.querySelectorAll("input:not([type=hidden]),select,textarea").length > 1 && node.parentElement.tagName !== "TR") break;
    }
    return "";
  };
  // In a layout table the label may be all there is of the row above.
  const row = el.closest("tr"), above = row && row.previousElementSibling;
  const alone = above && above.cells && above.cells.length === row.cells.length && row.querySelectorAll("input:not([type=hidden]),select,textarea").length === 1 && !above.querySelector("input,select,textarea");
  return [look(el, "previousSibling") || (alone ? clean(above.innerText, 80) : ""), look(el, "nextSibling")];
};

const columnOf = (el) => {
  const cell = el.closest("td,th");
  const table = cell && cell.closest("table");
  if (!table) return "";
  const head = table.querySelector("thead tr") || table.rows[0];
  if (!head || head.contains(el)) return "";
  let at = 0;
  for (let before = cell.previousElementSibling; before; before = before.previousElementSibling) at += before.colSpan || 1;
  let column = 0;
  for (const header of head.cells) { if (column + (header.colSpan || 1) > at) return header.tagName === "TH" || head.parentElement.tagName === "THEAD" ? clean(header.innerText, 60) : ""; column += header.colSpan || 1; }
  return "";
};

// What an icon is called by those who made it.
const hintsOf = (el) => {
  const list = [el.id, el.getAttribute("name"), el.getAttribute("data-testid"), el.getAttribute("data-test"), el.getAttribute("data-icon"), el.getAttribute("data-action"), el.getAttribute("autocomplete"), typeof el.className === "string" ? el.className : ""];
  for (const icon of el.querySelectorAll ? [...el.querySelectorAll("svg,use,img,i,span[class*=icon],title")].slice(0, 5) : []) {
    list.push(icon.getAttribute("class"), icon.getAttribute("href") || icon.getAttribute("xlink:href"), icon.getAttribute("data-icon"), icon.getAttribute("alt"), icon.tagName === "title" ? icon.textContent : "", icon.tagName === "IMG" ? (icon.getAttribute("src") || "").split("/").pop().slice(0, 40) : "");
  }
  if (el.tagName === "A") list.push(((el.getAttribute("href") || "").split(/[?#]/)[0].split("/").filter(Boolean).pop() || "").slice(0, 40), (el.getAttribute("href") || "").startsWith("#") ? el.getAttribute("href") : "");
  if (el.tagName === "A") list.push(el.protocol === "tel:" ? "call phone" : el.protocol === "mailto:" ? "write email" : "", el.rel);
  // The picture at the top that leads home is the logo, whatever it is called.
  if (el.tagName === "A" && el.pathname === "/" && el.querySelector("img,svg") && el.closest("header,[role=banner],nav")) list.push("logo home");
  return [...new Set(list.flatMap(words).map((word) => word.toLowerCase()))].slice(0, 25);
};

const onTop = (el, box) => {
  const x = box.left + box.width / 2, y = box.top + box.height / 2;
  if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) return null;
  const root = el.getRootNode();
  const hit = (root.elementFromPoint ? root : document).elementFromPoint(x, y);
  if (!hit) return null;
  if (hit === el || el.contains(hit) || hit.contains(el)) return true;
  const label = hit.closest && hit.closest("label");
  return Boolean((label && label.control === el) || (el.shadowRoot && el.shadowRoot.contains(hit)) || hit.shadowRoot);
};

// The largest piece of text around an element that no twin of it shares: its card, when nothing says that it is one.
const nearOf = (el, own) => {
  const twins = (part) => { let same = 0; for (const other of part.querySelectorAll(el.tagName)) if (clean(other.textContent, 60) === own && ++same > 1) return true; return false; };
  let text = "";
  for (let up = el.parentNode, n = 0; up && n < 5 && up !== document.body && up.nodeType !== 9; up = up.parentNode || up.host, n++) {
    const found = clean(spaced(up), 260);
    if (found.length > 250 || twins(up)) break;
    if (found.length > text.length) text = found;
  }
  return text;
};

const closeSet = new Set(close);
const items = [];
const elements = [];
const indexOf = new Map();
for (const el of close) {
  let act = el;
  const tick = el.tagName === "INPUT" && /^(checkbox|radio|file)$/.test(el.type);
  if (!visible(el)) {
    const label = tick && el.labels ? [...el.labels].find(visible) : null;
    if (!label && !(tick && el.type === "file")) continue;
    act = label || el;
  }
  if (el.tagName === "OPTION" && el.closest("select") && el.closest("select").size <= 1) continue;
  const rank = seenRank.get(el);
  if (rank === "label" && el.control && visible(el.control) && /^(INPUT|SELECT|TEXTAREA)$/.test(el.control.tagName)) continue;
  if (rank === "label" && closeSet.has(el.control)) continue;
  const box = act.getBoundingClientRect();
  const field = /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) || el.isContentEditable;
  const name = nameOf(el);
  const item = {
    i: items.length, tag: el.tagName.toLowerCase(), type: el.type && typeof el.type === "string" ? el.type : "", rank, role: roleOf(el), name,
    text: field ? "" : clean(el.innerText || el.textContent, 200), label: field ? clean(labelText(el)) : "", placeholder: clean(el.getAttribute("placeholder")), title: clean(el.getAttribute("title")),
    description: clean(byIds(el, "aria-describedby") || el.getAttribute("aria-description")), href: el.tagName === "A" ? el.href.slice(0, 300) : "", hints: hintsOf(el),
    disabled: Boolean(el.disabled || el.getAttribute("aria-disabled") === "true" || (el.closest && el.closest("fieldset:disabled"))), readonly: Boolean(el.readOnly),
    checked: el.checked === true || el.getAttribute("aria-checked") === "true", expanded: el.getAttribute("aria-expanded"), selected: el.getAttribute("aria-selected") === "true" || el.getAttribute("aria-current") !== null && el.getAttribute("aria-current") !== "false",
    top: onTop(act, box), inView: box.bottom > 0 && box.top < innerHeight, box: [Math.round(box.left + scrollX), Math.round(box.top + scrollY), Math.round(box.width), Math.round(box.height)],
    hidden: Boolean(el.closest && el.closest("[aria-hidden=true]")), column: columnOf(el), ...around(el), near: nearOf(el, clean(el.textContent, 60)), before: "", after: "", up: -1,
    options: el.tagName === "SELECT" ? [...el.options].slice(0, 60).map((option) => clean(option.text, 60)) : [],
    level: /^H[1-6]$/.test(el.tagName) ? Number(el.tagName[1]) : 0,
  };
  const toggle = /^(checkbox|radio|switch|textbox|combobox|slider|spinbutton)$/.test(item.role) && !item.name && !item.text;
  if (field && (!item.label || tick) || toggle) [item.before, item.after] = beside(el);
  for (let up = composedParent(el), n = 0; up && n < 12; up = composedParent(up), n++) if (indexOf.has(up)) { item.up = indexOf.get(up); break; }
  indexOf.set(el, items.length);
  items.push(item);
  elements.push(act);
}
window.__agencyCandidates = elements;
return { items, lists, title: clean(document.title, 120), total: found.length, whole: whole && close.length === found.length, modal: items.some((item) => item.modal) };
