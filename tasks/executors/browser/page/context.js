// How close some words are to each of the given candidates: the smallest ancestor that holds them all, and the distance on screen.
const [ids, tokens, MOST_UP] = arguments;
const elements = window.__agencyCandidates || [];
const folded = (text) => (text || "").toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replace(/ß/g, "ss").replace(/[’']/g, "");
const attributes = (el) => `${el.id} ${typeof el.className === "string" ? el.className : ""} ${el.getAttribute("aria-label") || ""} ${el.getAttribute("name") || ""} ${el.getAttribute("data-testid") || ""} ${el.getAttribute("role") || ""} ${el.tagName}`;
const texts = new Map();
const textOf = (el) => {
  if (texts.has(el)) return texts.get(el);
  let text = folded(el.innerText === undefined ? el.textContent : el.innerText);
  if (text.length < 5000) for (const inner of [...el.querySelectorAll("[aria-label],img[alt],input,select")].slice(0, 40)) {
    text += " " + folded(inner.getAttribute("aria-label") || inner.getAttribute("alt") || (inner.tagName === "SELECT" ? "" : inner.type === "password" ? "" : inner.value || inner.placeholder));
  }
  texts.set(el, text);
  return text;
};
// Long words may stand for their beginning; a number or a little word is meant as it is.
const little = new Map(tokens.filter((token) => token.length < 4).map((token) => [token, new RegExp(`(?<![\\p{L}\\p{N}])${token.replace(/[^\p{L}\p{N}]/gu, "\\$&")}(?![\\p{L}\\p{N}])`, "u")]));
const holds = (text) => tokens.every((token) => (little.has(token) ? little.get(token).test(text) : text.includes(token)));

const anchors = [];
walk(document, 60000, (el) => {
  if (/^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|HEAD)$/.test(el.tagName)) return false;
  const own = folded(ownText(el)) || folded(el.getAttribute("alt"));
  if (own && own.length < 400 && holds(own) && visible(el)) anchors.push(el);
  return anchors.length < 60;
});
const boxes = anchors.map((el) => el.getBoundingClientRect());

return ids.map((id) => {
  const el = elements[id];
  if (!el) return null;
  const answer = { id, size: 0, level: -1, attribute: -1, distance: null, after: null };
  let level = 0;
  for (let up = composedParent(el); up && up !== document.documentElement && level < (MOST_UP || 14); up = composedParent(up), level++) {
    const text = textOf(up);
    if (holds(text)) { answer.level = level; answer.size = text.length; break; }
    if (answer.attribute < 0 && holds(folded(attributes(up)))) answer.attribute = level;
  }
  const box = el.getBoundingClientRect();
  anchors.forEach((anchor, n) => {
    if (anchor === el || el.contains(anchor)) return;
    const other = boxes[n];
    const gapX = Math.max(0, other.left - box.right, box.left - other.right), gapY = Math.max(0, other.top - box.bottom, box.top - other.bottom);
    const distance = Math.round(gapX + gapY * 1.5);
    if (answer.distance === null || distance < answer.distance) {
      answer.distance = distance;
      answer.after = Boolean(anchor.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING);
      answer.below = other.bottom <= box.top + 4;
      answer.right = other.right <= box.left + 4;
    }
  });
  return answer;
});
