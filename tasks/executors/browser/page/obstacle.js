// Does the page want something only a person has? A one-time code field, or a CAPTCHA that is shown.
const shown = (el) => { const box = el.getBoundingClientRect(); return box.width > 20 && box.height > 8 && (!el.checkVisibility || el.checkVisibility({ visibilityProperty: true, opacityProperty: true })); };
const near = (el) => { const form = el.closest("form,fieldset,main,section,div"); return `${el.name} ${el.id} ${el.placeholder} ${el.getAttribute("aria-label") || ""} ${[...(el.labels || [])].map((l) => l.textContent).join(" ")}`.toLowerCase() + (form ? " ¦ " + form.innerText.slice(0, 400).toLowerCase() : ""); };
const CODE = /one[- ]?time|\botp\b|\b2fa\b|\bmfa\b|verification code|security code|auth(entication|enticator)? code|confirmation code|login code|access code|passcode|(\d|two|four|five|six|eight)[- ]?digit code|code (we|was) (sent|e-?mailed|texted)|enter the code/;
for (const el of document.querySelectorAll("input:not([type=hidden]):not([type=checkbox]):not([type=radio]):not([type=submit]):not([type=button])")) {
  if (!shown(el) || el.disabled || el.value) continue;
  const [own, around] = near(el).split(" ¦ ");
  if (el.autocomplete === "one-time-code" || CODE.test(own) || (/\b(code|otp|token|pin)\b/.test(own) && CODE.test(around || ""))) return { kind: "login_code", text: document.title };
}
const frames = [...document.querySelectorAll("iframe[src],iframe[title]")].filter((el) => /recaptcha\/(api2|enterprise)\/(anchor|bframe)|hcaptcha\.com|challenges\.cloudflare\.com|arkoselabs|funcaptcha|geetest/.test(el.src) && !/size=invisible/.test(el.src) && shown(el));
const widgets = [...document.querySelectorAll(".g-recaptcha:not([data-size=invisible]),.h-captcha,.cf-turnstile,#captcha,[class*=captcha i] img,img[src*=captcha i],#challenge-form")].filter(shown);
if (frames.length || widgets.length) return { kind: "captcha", text: document.title };
return null;
