// Sets a field as a person's input would: through the prototype's setter, with the events frameworks listen to.
const [el, value] = arguments;
if (el.isContentEditable) el.textContent = value;
else {
  const proto = el.tagName === "TEXTAREA" ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
  Object.getOwnPropertyDescriptor(proto, "value").set.call(el, value);
}
el.dispatchEvent(new Event("input", { bubbles: true }));
el.dispatchEvent(new Event("change", { bubbles: true }));
return true;
