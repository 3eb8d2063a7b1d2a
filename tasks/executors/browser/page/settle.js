// Resolves when the document is loaded and its tree has been quiet for `quiet` ms, or after `longest` ms.
const [quiet, longest, done] = arguments;
const started = performance.now();
let last = started;
let finished = false;
const observer = new MutationObserver(() => { last = performance.now(); });
const finish = (calm) => {
  if (finished) return;
  finished = true;
  observer.disconnect();
  done({ calm, waited: Math.round(performance.now() - started) });
};
const look = () => {
  const now = performance.now();
  if (document.readyState !== "loading" && now - last >= quiet) return finish(true);
  if (now - started >= longest) return finish(false);
  setTimeout(look, Math.min(50, quiet));
};
observer.observe(document, { childList: true, subtree: true, characterData: true });
look();
