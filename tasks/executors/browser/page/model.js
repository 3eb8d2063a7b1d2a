// What the page holds, as data: structured data, tables, repeated records, key-value pairs, headings, main text.
const [scope] = arguments;
const root = scope ? (scope.startsWith("//") ? document.evaluate(scope, document, null, 9, null).singleNodeValue : document.querySelector(scope)) : document.body;
if (!root) return null;
const MOST_TEXT = 200000, MOST_RECORDS = 1000, MOST_ELEMENTS = 60000;
let truncated = false;
// Open shadow roots are parts of the page.
const roots = [root];
if (root.shadowRoot) roots.push(root.shadowRoot);
walk(root, MOST_ELEMENTS, (el) => { if (el.shadowRoot) roots.push(el.shadowRoot); });
const select = (selector) => roots.flatMap((one) => [...one.querySelectorAll(selector)]);
const absolute = (href) => { try { return new URL(href, document.baseURI).href; } catch { return href || ""; } };
const textOf = (el, longest = 2000) => clean(el.innerText === undefined ? el.textContent : el.innerText, longest);

const meta = {};
for (const tag of document.querySelectorAll("meta[name],meta[property],meta[itemprop]")) {
  const key = (tag.getAttribute("property") || tag.getAttribute("name") || tag.getAttribute("itemprop")).toLowerCase();
  if (!(key in meta) && tag.content) meta[key] = clean(tag.content, 2000);
}
const canonical = document.querySelector("link[rel=canonical]");
const jsonld = [];
for (const tag of [...document.querySelectorAll('script[type="application/ld+json"]')].slice(0, 30)) if (tag.textContent.length < 400000) jsonld.push(tag.textContent);

// Microdata and RDFa Lite as nested items.
const POINTS = /url|link|sameas|image|logo|photo|thumbnail|mainentityofpage|availability|itemcondition|license/i;
const valueOf = (el, name) => el.getAttribute("content") || (el.tagName === "TIME" && el.getAttribute("datetime")) || (/^(A|LINK|AREA)$/.test(el.tagName) && el.getAttribute("href") && (POINTS.test(name) || !textOf(el, 10)) && absolute(el.getAttribute("href"))) || (/^(IMG|SOURCE|VIDEO|AUDIO|IFRAME)$/.test(el.tagName) && absolute(el.getAttribute("src"))) || el.getAttribute("value") || textOf(el);
const collectItem = (el, depth) => {
  const item = { type: (el.getAttribute("itemtype") || el.getAttribute("typeof") || "").split(/[\/#:\s]/).pop(), props: {} };
  const put = (name, value) => { for (const one of name.split(/\s+/)) { const key = one.split(/[\/:#]/).pop(); (item.props[key] = item.props[key] || []).push(value); } };
  const visit = (node) => {
    for (const child of node.children) {
      const name = child.getAttribute("itemprop") || child.getAttribute("property");
      const nested = child.hasAttribute("itemscope") || child.hasAttribute("typeof");
      if (name) put(name, nested && depth < 4 ? collectItem(child, depth + 1) : valueOf(child, name));
      if (!nested) visit(child);
    }
  };
  visit(el);
  return item;
};
const microdata = [...document.querySelectorAll("[itemscope]:not([itemprop]),[typeof]:not([property])")].slice(0, 300).map((el) => collectItem(el, 0));

const heldBy = (cell) => { const field = cell.querySelector("input:not([type=checkbox],[type=radio],[type=password],[type=hidden],[type=button],[type=submit]),select"); return !field ? "" : field.tagName === "SELECT" ? clean((field.selectedOptions[0] || {}).text) : clean(field.value); };
// A cell that leads with a heading is called so; what stands below it is about it.
const cellText = (cell) => { const box = cell.querySelector("input[type=checkbox]"), first = cell.firstElementChild; return (first && /^H[1-6]$/.test(first.tagName) && !ownText(cell) && textOf(first, 300)) || textOf(cell, 1000) || heldBy(cell) || (box ? String(box.checked) : "") || [...cell.querySelectorAll("img[alt]")].map((img) => img.alt).join(" ") || cell.getAttribute("data-value") || ""; };
// The head of a column in a comparison holds a whole card: its heading or its link is its name.
const headText = (cell) => { const named = cell.querySelector("button,input,img") || textOf(cell, 100).length > 50 ? cell.querySelector("h1,h2,h3,h4,h5,h6") || [...cell.querySelectorAll("a[href]")].find((link) => textOf(link, 100)) : null; return (named && textOf(named, 100)) || textOf(cell, 100); };
const linkOf = (cell) => { const link = cell.querySelector("a[href]"); return link ? absolute(link.getAttribute("href")) : ""; };
const headingBefore = (el) => {
  for (let up = el, n = 0; up && up !== document.body && n < 5; up = up.parentElement, n++) {
    if (up.tagName === "FOOTER") return ""; // what stands before a footer is no heading of it
    for (let before = up.previousElementSibling, m = 0; before && m < 6; before = before.previousElementSibling, m++) {
      if (/^H[1-6]$/.test(before.tagName) || before.getAttribute("role") === "heading") return textOf(before, 150);
      const inner = before.querySelectorAll("h1,h2,h3,h4,h5,h6");
      if (inner.length) return textOf(inner[inner.length - 1], 150);
    }
    if (/^(NAV|ASIDE)$/.test(up.tagName)) return "";
  }
  return "";
};
// The headings of the sections that hold an element, from the inside.
const headingsAround = (el) => { const found = []; for (let up = el.parentElement, n = 0; up && up !== document.body && n < 6; up = up.parentElement, n++) { const text = headingBefore(up); if (text && !found.includes(text)) found.push(text); } return found.slice(0, 3).join(" · "); };

const tables = [];
const gridOf = (rows, cellsOf) => {
  const grid = [];
  rows.forEach((row, r) => {
    grid[r] = grid[r] || [];
    let c = 0;
    for (const cell of cellsOf(row)) {
      while (grid[r][c]) c++;
      const wide = Math.min(cell.colSpan || 1, 50), high = Math.min(cell.rowSpan || 1, 200);
      for (let y = 0; y < high && r + y < rows.length; y++) for (let x = 0; x < wide; x++) { grid[r + y] = grid[r + y] || []; grid[r + y][c + x] = { cell, spread: x > 0 }; }
      c += wide;
    }
  });
  return grid;
};
for (const table of [...select("table")].slice(0, 60)) {
  if (table.querySelector("table") || table.getAttribute("role") === "presentation" || !visible(table)) continue;
  const rows = [...table.rows].filter((row) => row.cells.length && (!row.checkVisibility || row.checkVisibility()));
  if (!rows.length) continue;
  const grid = gridOf(rows.slice(0, MOST_RECORDS), (row) => [...row.cells]);
  if (rows.length > MOST_RECORDS) truncated = true;
  let heads = 0;
  while (heads < rows.length && heads < 3 && (rows[heads].parentElement.tagName === "THEAD" || [...rows[heads].cells].every((cell) => cell.tagName === "TH") || (heads === 0 && rows.length > 1 && [...rows[0].cells].every((cell) => cell.querySelector("b,strong") && !cell.querySelector("a,input"))))) heads++;
  if (heads === rows.length) heads = rows[0].parentElement.tagName === "THEAD" ? 1 : 0;
  const width = Math.max(...grid.map((row) => row.length));
  const headers = [];
  for (let c = 0; c < width; c++) headers.push([...new Set(grid.slice(0, heads).map((row) => (row[c] ? headText(row[c].cell) : "")).filter(Boolean))].join(" "));
  const body = grid.slice(heads).filter((row) => !(row.length > 1 && row.every((slot) => slot && slot.cell === row[0].cell)));
  const foot = new Set(table.tFoot ? [...table.tFoot.rows] : []);
  tables.push({
    caption: table.caption ? textOf(table.caption, 150) : clean(byIds(table, "aria-labelledby"), 150) || table.getAttribute("aria-label") || "", heading: headingBefore(table), outer: headingsAround(table), id: `${table.id} ${typeof table.className === "string" ? table.className : ""}`, headers,
    sideHeads: heads === 0 && rows.length > 1 && rows.every((row) => row.cells[0] && row.cells[0].tagName === "TH" && row.cells.length === 2) || (heads === 0 && width === 2 && rows.every((row) => /:\s*$/.test(textOf(row.cells[0], 80)))) || (heads === 0 && width === 2 && rows.length > 1 && rows.every((row) => { const bold = row.cells[0].querySelector("b,strong"); return bold && clean(bold.textContent, 80) === textOf(row.cells[0], 80); })),
    rows: body.filter((row) => !(row[0] && foot.has(row[0].cell.parentElement))).map((row) => Array.from({ length: width }, (_, c) => (row[c] ? cellText(row[c].cell) : ""))),
    links: body.map((row) => Array.from({ length: width }, (_, c) => (row[c] ? linkOf(row[c].cell) : ""))),
  });
}
for (const table of [...select("[role=table],[role=grid],[role=treegrid]")].slice(0, 20)) {
  if (table.tagName === "TABLE" || !visible(table)) continue;
  const rows = [...table.querySelectorAll("[role=row]")].slice(0, MOST_RECORDS);
  const cells = (row) => [...row.querySelectorAll("[role=cell],[role=gridcell],[role=rowheader],[role=columnheader]")];
  const heads = rows.filter((row) => row.querySelector("[role=columnheader]") && !row.querySelector("[role=cell],[role=gridcell]"));
  const body = rows.filter((row) => !heads.includes(row));
  tables.push({ caption: byIds(table, "aria-labelledby") || table.getAttribute("aria-label") || "", heading: headingBefore(table), outer: headingsAround(table), id: table.id, headers: heads.length ? cells(heads[0]).map((cell) => textOf(cell, 100)) : [], sideHeads: false, rows: body.map((row) => cells(row).map(cellText)), links: body.map((row) => cells(row).map(linkOf)) });
}

// Repeated records: siblings that are built alike.
const shapeWords = (el) => (typeof el.className === "string" ? el.className : "").split(/\s+/).filter((name) => name && name.length < 40 && !/\d{2,}|active|first|last|odd|even|selected|current|hover/i.test(name));
const shape = (el) => `${el.tagName}.${shapeWords(el).sort().slice(0, 3).join(".")}`;
const inner = (el) => [...el.children].slice(0, 12).map((child) => child.tagName).join(",");
// What a value is called right before it: its dt, or a short text that ends in a colon or has the class of a label.
const labelOf = (el) => {
  if (el.tagName === "TD" && el.getAttribute("data-label")) return clean(el.getAttribute("data-label"), 40);
  const before = el.previousElementSibling;
  if (!before || before.children.length > 1) return "";
  const text = clean(before.textContent, 60);
  if (!text || text.length > 40 || !/\p{L}/u.test(text)) return "";
  if (el.tagName === "DD" ? before.tagName === "DT" : /[:：]$/.test(text) || /(^|[\s_-])(label|key|term|caption)s?($|[\s_-])/i.test(typeof before.className === "string" ? before.className : "")) return text.replace(/\s*[:：]$/, "");
  return "";
};
const slotsOf = (record, mates) => {
  const slots = [];
  const counts = {};
  const push = (el, kind, text, extra) => {
    if (!text) return;
    const names = [];
    for (let up = el; up && names.length < 4; up = up.parentElement) { names.unshift(`${up.tagName.toLowerCase()}${shapeWords(up).slice(0, 2).map((name) => "." + name).join("")}`); if (up === record || mates.includes(up)) break; }
    let key = `${names.slice(1).join(">") || "self"}|${kind}`;
    counts[key] = (counts[key] || 0) + 1;
    key += `|${counts[key]}`;
    const called = kind === "text" ? labelOf(el) : "";
    if (called) key = `${called}|labelled`;
    const labels = [el, el.parentElement].filter((x) => x && record.contains(x)).flatMap((x) => [typeof x.className === "string" ? x.className : "", x.id, x.getAttribute("itemprop") || "", x.getAttribute("data-testid") || "", x.getAttribute("data-field") || "", x.getAttribute("data-label") || ""]);
    slots.push({ key, kind, tag: el.tagName.toLowerCase(), text: clean(text, 1500), words: [...new Set(words(labels.join(" ")).map((word) => word.toLowerCase()))].slice(0, 14), struck: Boolean(el.closest("del,s,strike")), label: called, ...extra });
  };
  const visit = (el) => {
    if (/^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|SVG)$/i.test(el.tagName) || slots.length > 80) return;
    const href = el.tagName === "A" && el.getAttribute("href") ? absolute(el.getAttribute("href")) : "";
    if (el.tagName === "IMG") { push(el, "image", absolute(el.currentSrc || el.getAttribute("src") || el.getAttribute("data-src")), {}); if (el.alt) push(el, "alt", el.alt, {}); return; }
    if (href) push(el, "href", href, {});
    if (el.tagName === "TIME" && el.getAttribute("datetime") && !/\d.*\s[–—-]\s.*\d{4}/.test(textOf(el, 80))) push(el, "datetime", el.getAttribute("datetime"), {});
    if (el.getAttribute("content") && el.getAttribute("itemprop")) push(el, "text", el.getAttribute("content"), {});
    const aria = el.getAttribute("aria-label") || (el.title && el.title.length > 2 ? el.title : "");
    if (aria && !/^(BUTTON|INPUT)$/.test(el.tagName)) push(el, "title", aria, {});
    const rated = (typeof el.className === "string" ? el.className : "").match(/(?:star-rating|rating|stars?)[\s_-]+(one|two|three|four|five|\d(?:[._-]\d)?)\b/i);
    if (rated) push(el, "rating", rated[1], {});
    const own = ownText(el);
    const inline = own && [...el.children].every((child) => /^(B|I|EM|STRONG|SPAN|SUP|SUB|SMALL|BR|MARK|ABBR|WBR|U|CODE|A)$/.test(child.tagName) && !child.children.length);
    if (own && (inline || !el.children.length)) {
      const lead = [...el.childNodes].find((node) => node.nodeType === 3 ? node.data.trim() : node.nodeType === 1);
      push(el, /^(BUTTON)$/.test(el.tagName) ? "button" : "text", textOf(el, 1500) || clean(el.textContent, 1500), { lead: lead && lead.nodeType === 1 ? clean(lead.textContent, 60) : "" });
      for (const child of el.children) { const link = child.tagName === "A" && child.getAttribute("href"); if (link) push(child, "href", absolute(link), {}); if (el.children.length > 0 && clean(child.textContent) !== clean(el.textContent)) push(child, "text", clean(child.textContent, 300), { part: true }); }
      return;
    }
    if (own) push(el, "text", own, {});
    if (el.shadowRoot) for (const child of el.shadowRoot.children) visit(child);
    for (const child of el.children) visit(child);
  };
  for (const part of [record, ...mates]) visit(part);
  return slots;
};

const candidates = [];
const lookAt = (parent) => {
  if (/^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|SVG|SELECT|TABLE|THEAD|TBODY|TR|DL)$/i.test(parent.tagName)) return !/^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|SVG|SELECT)$/i.test(parent.tagName);
  const kids = [...parent.children];
  if (kids.length < 2) return true;
  const buckets = new Map();
  for (const kid of kids) { const key = shape(kid); (buckets.get(key) || buckets.set(key, []).get(key)).push(kid); }
  // A state is one more class: "mail" and "mail unread" are the same kind.
  const firsts = new Map();
  for (const kid of kids) { const first = shapeWords(kid)[0]; if (first) { const key = `${kid.tagName}.${first}`; (firsts.get(key) || firsts.set(key, []).get(key)).push(kid); } }
  for (const [key, list] of firsts) if (list.length > 2 && list.length > Math.max(...list.map((kid) => buckets.get(shape(kid)).length))) buckets.set(`${key}+`, list);
  // Records whose classes vary are still built of the same parts.
  if (buckets.size > kids.length / 2 && kids.length > 2) {
    const byParts = new Map();
    for (const kid of kids) if (kid.children.length > 1) { const key = `${kid.tagName}|${inner(kid)}`; (byParts.get(key) || byParts.set(key, []).get(key)).push(kid); }
    for (const [key, list] of byParts) if (list.length > 2 && !buckets.has(key)) buckets.set(key, list);
  }
  for (const [, all] of buckets) {
    if (all.length < 2 || /^(BR|HR|OPTION|META|LINK|P|SPAN|A|B|I|EM|STRONG|H[1-6]|LABEL|INPUT|BUTTON|IMG)$/.test(all[0].tagName) && !(all[0].tagName === "A" && all[0].children.length > 1) && !(/^(P|SPAN)$/.test(all[0].tagName) && all[0].children.length > 1)) continue;
    const list = all.filter(visible);
    if (list.length < 2) continue;
    const sizes = list.slice(0, 40).map((el) => clean(el.innerText || spaced(el.shadowRoot || el), 3000).length);
    const filled = sizes.filter((size) => size > 0).length;
    if (filled < list.length * 0.6) continue;
    candidates.push({ parent, list, mean: sizes.reduce((a, b) => a + b, 0) / sizes.length });
  }
  return true;
};
lookAt(root);
if (!walk(root, MOST_ELEMENTS, lookAt)) truncated = true;
// The same kind of record in several parents (the columns of a board): all of them together.
const everywhere = new Map();
walk(root, MOST_ELEMENTS, (el) => { if (el.children.length > 1 && shapeWords(el).length && /^(DIV|ARTICLE|LI|SECTION|A)$/.test(el.tagName)) { for (const key of [`${shape(el)}|${inner(el)}`, shape(el)]) (everywhere.get(key) || everywhere.set(key, []).get(key)).push(el); } return !/^(SCRIPT|STYLE|SVG)$/i.test(el.tagName); });
for (const all of everywhere.values()) {
  if (all.length < 3 || new Set(all.map((el) => el.parentElement)).size < 2) continue;
  const list = all.filter((el) => visible(el) && !all.some((other) => other !== el && other.contains(el)));
  if (list.length < 3) continue;
  let parent = list[0].parentElement;
  while (parent && parent !== root && !list.every((el) => parent.contains(el))) parent = parent.parentElement;
  if (parent) candidates.push({ parent, list, mean: list.slice(0, 40).reduce((sum, el) => sum + clean(el.innerText, 3000).length, 0) / Math.min(list.length, 40) });
}
const place = (el) => { for (let up = el; up; up = composedParent(up)) { const mark = landmarkOf(up); if (mark && mark !== "form") return mark; } return ""; };
const weigh = (candidate) => {
  const parts = candidate.list[0].querySelectorAll("*").length + (candidate.list[0].shadowRoot ? 5 : 0);
  const box = candidate.parent.getBoundingClientRect();
  const where = place(candidate.parent);
  const aside = /^(nav|footer|header|aside|menu|toolbar|tabs|dialog)$/.test(where) ? 0.3 : 1;
  return Math.min(candidate.list.length, 60) * Math.min(candidate.mean, 500) ** 0.7 * Math.min(1 + parts / 6, 3) * aside * (box.width > innerWidth * 0.4 ? 1.2 : 0.8);
};
candidates.forEach((candidate) => { candidate.weight = weigh(candidate); });
candidates.sort((a, b) => b.weight - a.weight);
const groups = candidates.slice(0, 20).map((candidate) => {
  if (candidate.list.length > MOST_RECORDS) truncated = true;
  const list = candidate.list.slice(0, MOST_RECORDS);
  return {
    weight: Math.round(candidate.weight), place: place(candidate.parent), heading: headingBefore(candidate.list[0]) || headingBefore(candidate.parent), within: candidate.parent.id ? `#${candidate.parent.id}` : shape(candidate.parent),
    words: [...new Set(words(`${typeof candidate.parent.className === "string" ? candidate.parent.className : ""} ${candidate.parent.id} ${typeof list[0].className === "string" ? list[0].className : ""} ${list[0].getAttribute("itemtype") || ""} ${list[0].tagName}`).map((word) => word.toLowerCase()))].slice(0, 20),
    depth: (() => { let n = 0; for (let up = candidate.parent; up; up = up.parentElement) n++; return n; })(),
    records: list.map((el) => ({ text: clean(el.innerText || spaced(el.shadowRoot || el), 1500), slots: slotsOf(el, []) })),
  };
});

// Rows of a layout table where one record takes two rows, or three.
const spanned = [];
for (const body of [...select("tbody")].slice(0, 20)) {
  const rows = [...body.children].filter((row) => row.tagName === "TR");
  if (rows.length < 6) continue;
  for (const span of [2, 3]) {
    const signs = rows.map((row) => `${shape(row)}|${[...row.cells].map((cell) => `${cell.colSpan}${shapeWords(cell)[0] || ""}`).join(",")}`);
    const heads = rows.filter((_, n) => n % span === 0).length;
    let same = 0;
    for (let n = span; n < rows.length; n++) if (signs[n] === signs[n - span]) same++;
    let plain = 0;
    for (let n = 1; n < rows.length; n++) if (signs[n] === signs[n - 1]) plain++;
    if (same / (rows.length - span) > 0.75 && plain / rows.length < 0.5) {
      const records = [];
      for (let n = 0; n + span <= rows.length && records.length < heads; n += span) { const parts = rows.slice(n, n + span); records.push({ text: clean(parts.map((part) => part.innerText).join(" "), 1500), slots: slotsOf(parts[0], parts.slice(1)) }); }
      spanned.push({ weight: 5000, place: place(body), heading: headingBefore(body.parentElement), within: "tbody", words: [], depth: 0, records });
      break;
    }
  }
}

const pairs = [];
const pair = (key, value, where) => { key = clean(key, 80).replace(/\s*[:：]\s*$/, ""); value = clean(value, 1000); if (key && value && key !== value && pairs.length < 400) pairs.push({ key, value, group: where || "" }); };
for (const list of select("dl")) {
  const heading = headingBefore(list);
  let key = "";
  for (const part of list.querySelectorAll("dt,dd")) { if (part.tagName === "DT") key = textOf(part, 80); else if (key) pair(key, textOf(part), heading); }
}
for (const table of tables) if (table.sideHeads) for (const row of table.rows) pair(row[0], row[1], table.caption || table.heading);
// Of a number and a badge that tells its change ("42", "3%"), each in an element of its own, the number is the value.
const BADGED = /^[^\p{L}\d]{0,4}\d[\d.,'’\s]*[kKmM%]?$/u;
const valueIn = (el) => { const parts = [...el.children]; return parts.length > 1 && !ownText(el) && parts.slice(0, 2).every((part) => BADGED.test(textOf(part, 40))) ? textOf(parts[0], 40) : textOf(el, 1000); };
const LABELS = "b,strong,th,label,dt,span,div,p,li,td,h4,h5,h6";
for (const strong of [...select(LABELS)].slice(0, 8000)) {
  if (strong.children.length > 1 || pairs.length >= 400) continue;
  const bold = /^(B|STRONG)$/.test(strong.tagName);
  const label = (/\p{L}/u.test(ownText(strong)) && ownText(strong)) || (bold || strong.children.length ? clean(strong.textContent, 82) : "");
  const own = bold ? clean(strong.textContent, 82) : label;
  if (!own || own.length > 60) continue;
  const labelled = /[:：]$/.test(own);
  const home = strong.parentElement;
  if (bold && strong.nextSibling && home && !/^(TH|TD)$/.test(home.tagName)) {
    if (strong.previousSibling && strong.previousSibling.nodeName !== "BR" && clean(strong.previousSibling.textContent) && !labelled) continue;
    // What follows up to the end of the line or the next label.
    let after = "";
    for (let next = strong.nextSibling; next && !/^(BR|B|STRONG)$/.test(next.nodeName) && after.length < 1200; next = next.nextSibling) after += next.textContent || "";
    const rest = clean(after, 1200).replace(/^\s*[:：–-]\s*/, "");
    const colon = labelled || /^\s*[:：]/.test((strong.nextSibling.textContent || "").slice(0, 10));
    if (rest && rest.length < (colon ? 300 : 120) && (colon || (/^(LI|P|DIV|SPAN)$/.test(home.tagName) && home.children.length <= 2))) pair(own, rest, headingBefore(strong));
    continue;
  }
  const called = /(^|[\s_-])(label|lbl|key|term|name|title|heading|caption|field-name|property)s?($|[\s_-])/i.test(typeof strong.className === "string" ? strong.className : "");
  if (!labelled && !called) continue;
  const next = strong.nextElementSibling;
  const within = strong.firstElementChild && labelled && !bold && !strong.matches("label") ? textOf(strong.firstElementChild, 300) : "";
  if (within && strong.firstChild.nodeType === 3 && strong.firstChild.data.trim()) { pair(own, within, headingBefore(strong)); continue; }
  const behind = strong.nextSibling && strong.nextSibling.nodeType === 3 ? clean(strong.nextSibling.data, 300) : "";
  if (behind && (labelled ? !/^[:：]/.test(behind) : /^[:：]\s*\S/.test(behind))) { pair(own, behind.replace(/^[:：]\s*/, ""), headingBefore(strong)); continue; }
  if (next && !strong.querySelector("input,select,textarea")) {
    const field = next.matches("input,select,textarea") ? next : next.querySelector("input:not([type=password]),select,textarea");
    const value = field ? (field.tagName === "SELECT" ? (field.selectedOptions[0] || {}).text : field.type === "password" ? "" : field.value) : valueIn(next);
    if (value && value.length < 500 && (labelled || home.children.length <= 3)) pair(own, value, headingBefore(strong));
  } else if (!next && labelled && home && home.nextElementSibling && home.children.length === 1) pair(own, textOf(home.nextElementSibling, 500), "");
}
// A word or two and then a bold value ("Current bid £420"), and parts of two that stand in a row of such parts.
for (const bold of [...select("b,strong")].slice(0, 500)) {
  const label = bold.previousSibling && bold.previousSibling.nodeType === 3 && bold.parentElement.firstChild === bold.previousSibling ? clean(bold.previousSibling.data, 60) : "";
  if (/^\p{L}[\p{L} ]{2,39}[:：]?$/u.test(label) && /\d/.test(bold.textContent)) pair(label, textOf(bold, 120), headingBefore(bold));
}
const KEY = /^\p{L}[\p{L} .()/-]{1,39}[:：]?$/u;
const told = (keys, values, where) => { if (keys.length > 1 && keys.every((key) => KEY.test(key)) && new Set(keys).size === keys.length && values.some((value) => /\d/.test(value))) keys.forEach((key, n) => pair(key, values[n], where)); };
const leaf = (el) => el.children.length <= 1 && !/^(BUTTON|INPUT|SELECT|TEXTAREA|IMG|SVG|I)$/i.test(el.tagName) && el.textContent.trim().length < 120;
for (const list of [...select("div,ul,section")].slice(0, 5000)) {
  if (list.children.length < 2 || list.children.length > 40) continue;
  const ofTwo = [...list.children].map((part) => (ownText(part) || part.tagName === "TR" ? [] : [...part.children].filter((child) => !/^(BUTTON|I|SVG)$/i.test(child.tagName)))).filter((parts) => parts.length === 2 && parts.every(leaf) && parts[0].textContent.length < 60);
  if (ofTwo.length > 1 && new Set(ofTwo.map((parts) => parts[0].parentElement.tagName)).size === 1) told(ofTwo.map((parts) => textOf(parts[0], 60)), ofTwo.map((parts) => textOf(parts[1], 300)), headingBefore(ofTwo[0][0].parentElement));
  // Keys and values by turns, in two columns of a grid.
  const flat = [...list.children];
  if (flat.length < 4 || flat.length % 2 || ownText(list) || !flat.every(leaf)) continue;
  const [keys, values] = [flat.filter((_, n) => n % 2 === 0), flat.filter((_, n) => n % 2)];
  const lefts = [keys, values].map((column) => new Set(column.map((el) => Math.round(el.getBoundingClientRect().left))));
  if (lefts.every((left) => left.size === 1) && [...lefts[0]][0] < [...lefts[1]][0]) told(keys.map((el) => textOf(el, 60)), values.map((el) => textOf(el, 300)), headingBefore(keys[0]));
}
// A number and the word for it, in either order: "1,204 Subscribers" in a tile, "Total € 139.46" in the last row of a table.
const AMOUNT = /^[^\p{L}\d]{0,4}(?:[A-Z]{3} )?\d[\d.,'’\s]*\s?(%|[kKmM]|[€£$¥]|[\p{L}%°²³/]{1,8}\.?)?\*?$/u, CALLED = /^\p{L}[\p{L}\p{N} .()\/'’%&-]{1,39}[:：]?$/u;
const twoTexts = (el) => {
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
  const texts = [];
  for (let node = walker.nextNode(); node && texts.length < 4; node = walker.nextNode()) if (node.data.trim() && !/^(SCRIPT|STYLE)$/.test(node.parentNode.tagName)) texts.push(clean(node.data, 80));
  return texts.length === 2 || (texts.length === 3 && AMOUNT.test(texts[1]) && !AMOUNT.test(texts[2])) ? texts : null;
};
const paired = new Set(pairs.map((one) => `${one.key}\n${one.value}`));
for (const el of [...select("div,li,a,td,p,tr,span,section,button,article")].slice(0, 20000)) {
  if (!el.firstElementChild || pairs.length >= 380 || el.textContent.length > 300 || el.querySelectorAll("*").length > 12) continue;
  const texts = twoTexts(el);
  if (!texts) continue;
  const [key, value] = AMOUNT.test(texts[1]) && CALLED.test(texts[0]) ? texts : AMOUNT.test(texts[0]) && CALLED.test(texts[1]) ? [texts[1], texts[0]] : [];
  if (key && !paired.has(`${key.replace(/\s*[:：]$/, "")}\n${value}`) && visible(el)) { paired.add(`${key.replace(/\s*[:：]$/, "")}\n${value}`); pair(key, value, headingBefore(el)); }
}
// A big number and below it what it is called, up to the first dot: "£2,318.64", "Available balance · Overdraft limit £500".
for (const el of [...select("div,p,span,strong,b")].slice(0, 8000)) {
  const next = el.nextElementSibling;
  if (el.children.length || !next || next.children.length || pairs.length >= 380 || !AMOUNT.test(clean(el.textContent, 40)) || getComputedStyle(next).display === "inline") continue;
  const [called, ...more] = clean(next.textContent, 120).split(/\s[·|•–]\s/);
  if (more.length && CALLED.test(called) && visible(el)) pair(called, textOf(el, 60), headingBefore(el));
}
const INLINE = /^(BR|A|B|I|EM|STRONG|SPAN|TIME|ABBR|SMALL)$/;
const known = new Set(pairs.map((one) => `${one.key}\n${one.value}`));
for (const el of [...select("p,li,span,div,td,address")].slice(0, 6000)) {
  if (el.children.length > 12 || el.textContent.length > 2000 || !/[:：]/.test(el.textContent) || ![...el.children].every((child) => INLINE.test(child.tagName))) continue;
  for (const line of (el.innerText || "").split(/\n|\s[·|•]\s|,\s+(?=\p{L}[\p{L} ]{2,30}[:：]\s*\d)/u, 20)) {
    const at = line.search(/[:：]\s+\S/);
    const key = at > 0 ? line.slice(0, at).trim() : "";
    if (!/^\p{L}[\p{L}\p{N} .\/()'’-]{1,40}$/u.test(key)) continue;
    const value = clean(line.slice(at + 1), 300);
    if (!known.has(`${key}\n${value}`)) { known.add(`${key}\n${value}`); pair(key, value, headingBefore(el)); }
  }
}

const headings = [...select("h1,h2,h3,h4,h5,h6,[role=heading]")].filter(visible).slice(0, 300).map((el) => ({ level: Number(el.tagName[1]) || Number(el.getAttribute("aria-level")) || 2, text: textOf(el, 300) })).filter((heading) => heading.text);
const links = [...select("a[href]")].filter((el) => visible(el) && !/^(javascript|#)/.test(el.getAttribute("href"))).slice(0, 1000).map((el) => ({ text: nameOf(el) || textOf(el, 200), url: absolute(el.getAttribute("href")), place: place(el) }));
const images = [...select("img")].filter(visible).slice(0, 300).map((el) => ({ alt: clean(el.alt, 300), url: absolute(el.currentSrc || el.getAttribute("src")) }));
const lists = listsOf(select);

// Short texts whose class no other element of the page has: the one price, the one rating.
const marked = new Map();
for (const el of [...select("main *,article *,section *,div *")].slice(0, 15000)) {
  const called = `${classOf(el)} ${el.getAttribute("itemprop") || ""} ${el.getAttribute("data-testid") || ""}`.trim();
  if (called && !/^(SCRIPT|STYLE|BUTTON|INPUT|SELECT|SVG|IMG)$/i.test(el.tagName) && el.children.length < 4 && el.textContent.length < 200) (marked.get(called) || marked.set(called, new Set()).get(called)).add(el);
}
// … or none that stands in a parent of the same kind: the price of the product above the prices of a list.
const loneOf = (all) => { const by = new Map(); for (const el of all) { const key = shape(el.parentElement); by.set(key, by.has(key) ? null : el); } const alone = [...by.values()].filter(Boolean); return alone.length === 1 && by.size < 3 ? alone[0] : null; };
const marks = [...marked].map(([called, all]) => [called, loneOf(all)]).filter(([, el]) => el).slice(0, 300).map(([called, el]) => ({ words: words(called).map((word) => word.toLowerCase()), text: visible(el) && !/^(nav|footer|header|aside|menu|dialog)$/.test(place(el)) ? textOf(el, 120) : "", struck: Boolean(el.closest("del,s,strike")) })).filter((mark) => mark.text);

// The main text: the part with the most words in paragraphs that are not links.
const paragraphs = (el) => [...el.querySelectorAll("p,pre,blockquote,h2,h3,h4,li,td,figcaption,dd")];
const boring = (el) => Boolean(el.closest("nav,footer,aside,[role=navigation],[role=contentinfo],[role=complementary],form,button,[hidden],.comments,#comments,[class*=comment-],[class*=related],[class*=share],[class*=sidebar],[class*=cookie],[class*=newsletter]"));
const blocks = new Map();
for (const p of [...select("p,pre,blockquote,td,div")].slice(0, 15000)) {
  if (p.tagName === "DIV" && (p.children.length > 3 || ownText(p).length < 80) || p.tagName === "TD" && ownText(p).length < 80) continue;
  const text = ownText(p).length > 25 ? clean(p.textContent, 20000) : clean(p.textContent, 20000);
  if (text.length < 25 || boring(p)) continue;
  const linked = [...p.querySelectorAll("a")].reduce((sum, a) => sum + a.textContent.length, 0);
  const score = (1 + text.split(/[,，;]/).length + Math.min(text.length / 100, 5)) * (1 - Math.min(1, linked / (text.length || 1)));
  for (let up = p.parentElement, share = 1; up && up !== document.documentElement && share > 0.2; up = up.parentElement, share *= 0.5) blocks.set(up, (blocks.get(up) || 0) + score * share);
}
let best = null, most = 0;
for (const [el, score] of blocks) { const bonus = /^(ARTICLE|MAIN)$/.test(el.tagName) || /article|post|entry|content|story|body/i.test(`${el.id} ${typeof el.className === "string" ? el.className : ""}`) ? 1.25 : /comment|sidebar|footer|related|promo/i.test(`${el.id} ${typeof el.className === "string" ? el.className : ""}`) ? 0.5 : 1; if (score * bonus > most) { most = score * bonus; best = el; } }
const whole = best && best.closest("article") && clean(best.closest("article").textContent).length < clean(best.textContent).length * 2 ? best.closest("article") : best;
let mainText = "";
if (whole) {
  const parts = [];
  const seen = new Set();
  for (const part of paragraphs(whole).length ? paragraphs(whole) : [whole]) {
    if (boring(part) && !boring(whole) || !visible(part) || [...seen].some((other) => other.contains(part))) continue;
    seen.add(part);
    const text = (part.innerText || "").replace(/[ \t]+/g, " ").trim();
    if (text) parts.push(text);
  }
  const divs = parts.join("\n\n");
  const all = (whole.innerText || "").trim();
  mainText = divs.length > all.length * 0.5 ? divs : all;
}
const fallback = (root.innerText || "").trim();
if (Math.max(mainText.length, fallback.length) > MOST_TEXT) truncated = true;

const byline = root.querySelector("[rel=author],[itemprop=author],.byline,.author,[class*=byline],[class*=author-name],[class*=author]");
const times = [...select("time")].filter(visible).slice(0, 10).map((el) => el.getAttribute("datetime") || textOf(el, 60));
const dated = root.querySelector("[itemprop=datePublished],[class*=publish],[class*=pubdate],[class*=post-date],[class*=entry-date],.date,[class*=timestamp]");
return {
  url: location.href, title: clean(document.title, 500), lang: document.documentElement.lang || "", canonical: canonical ? canonical.href : "", meta, jsonld, microdata, tables, marks, groups: [...spanned, ...groups], pairs, headings, links, images, lists: lists.filter((list) => list.items.length > 1),
  main: { text: mainText.slice(0, MOST_TEXT), strength: Math.round(most), byline: byline ? textOf(byline, 150) : "", dates: [...(dated ? [dated.getAttribute("content") || dated.getAttribute("datetime") || textOf(dated, 80)] : []), ...times] },
  text: fallback.slice(0, MOST_TEXT), truncated,
};
