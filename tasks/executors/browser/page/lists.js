// Part of model.js, whose helpers it uses. Lists, and links that stand side by side; a list is called by the heading before it, its first item, a line that ends in a colon.
const HEADED = /(^|[\s_-])(heading|header|title|head|hd)($|[\s_-])|[a-z](Heading|Header|Title)$/;
const classOf = (el) => (typeof el.className === "string" ? el.className : "");
const listHead = (el, items) => {
  const first = items[0], before = el.previousElementSibling, own = [...el.children].find((child) => /^H[1-6]$/.test(child.tagName));
  if (own) return textOf(own, 150);
  if (first && !first.querySelector("a") && HEADED.test(classOf(first))) return textOf(first, 150);
  if (before && /^(P|DIV|B|STRONG|SPAN|LABEL)$/.test(before.tagName) && before.children.length < 2 && textOf(before, 90).length < 80 && (/[:：]$/.test(textOf(before, 90)) || HEADED.test(classOf(before)) || /^(B|STRONG)$/.test(before.tagName) || before.querySelector("b,strong"))) return textOf(before, 150);
  const named = el.closest("nav[aria-label],[role=navigation][aria-label],section[aria-label],ul[aria-label]");
  return named && !named.querySelector("h2,h3,h4") ? clean(named.getAttribute("aria-label"), 150) : headingBefore(el);
};
const leads = (item) => { const named = item.tagName === "A" ? item : item.querySelector("a"); const text = named ? textOf(named, 300) : ""; return text && textOf(item, 500).startsWith(text) ? text : ""; };
const hrefOf = (item) => { const link = item.tagName === "A" ? item : item.querySelector("a[href]"); return link && link.getAttribute("href") ? absolute(link.getAttribute("href")) : ""; };
const listOf = (el, items, kind) => {
  const heading = listHead(el, items);
  const kept = items.filter((item) => textOf(item, 500) && textOf(item, 150) !== heading);
  return { heading, kind, place: place(el), ordered: el.tagName === "OL", words: words(`${el.id} ${classOf(el)}`).map((word) => word.toLowerCase()), items: kept.map((item) => textOf(item, 500).replace(/^[✓✔✗✕•‣▸►–]\s*/u, "")), names: kept.map(leads), urls: kept.map(hrefOf) };
};
const listsOf = (select) => {
  const lists = [...select("ul,ol")].filter((el) => visible(el) && !el.parentElement.closest("ul,ol")).slice(0, 80).map((el) => listOf(el, [...el.children].filter((item) => item.tagName === "LI").slice(0, 500), "list"));
  for (const el of [...select("div,section,p,nav,footer,td,aside,dd")].slice(0, 8000)) {
    const parts = [...el.children].filter((part) => !/^(H[1-6]|BR|HR|IMG|SVG|I)$/i.test(part.tagName));
    if (parts.length < 2 || lists.length > 150) continue;
    const linked = parts.map((part) => (part.tagName === "A" ? part : part.querySelectorAll("a").length === 1 ? part.querySelector("a") : null)).filter((link) => link && textOf(link, 100) && !/^(mailto|tel):/.test(link.getAttribute("href") || "") && visible(link));
    if (linked.length > 1 && linked.length >= parts.length * 0.7) lists.push(listOf(el, linked, "links"));
  }
  for (const field of [...select("select")].filter(visible).slice(0, 60)) {
    const options = [...field.options].filter((option, n) => clean(option.text) && !(n === 0 && !option.value) && !option.disabled).map((option) => clean(option.text)).slice(0, 500);
    lists.push({ heading: clean(nameOf(field), 80), kind: "options", place: place(field), ordered: false, words: [], items: options, names: options, urls: options.map(() => "") });
  }
  return lists;
};
