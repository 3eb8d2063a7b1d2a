// What pressing this element would send: whether it submits a form, by which method, and whether that form signs in.
const el = arguments[0];
const key = arguments[1];
const button = el.closest ? el.closest("button,input[type=submit],input[type=image],a,[role=button]") || el : el;
const form = button.form || (button.closest && button.closest("form"));
const submitter = Boolean(form) && ((button.tagName === "BUTTON" && button.type === "submit") || /^(submit|image)$/.test(button.type || "") || key);
const method = ((button.getAttribute && button.getAttribute("formmethod")) || (form && form.getAttribute("method")) || "get").toLowerCase();
const password = form ? form.querySelector("input[type=password]") : null;
const search = form ? form.getAttribute("role") === "search" || Boolean(form.querySelector("input[type=search]")) : false;
return {
  submits: submitter, method, signsIn: Boolean(password), search,
  text: ((button.innerText || button.value || (button.getAttribute && button.getAttribute("aria-label")) || "") + "").trim().slice(0, 100),
  link: button.tagName === "A" && Boolean(button.getAttribute("href")),
};
