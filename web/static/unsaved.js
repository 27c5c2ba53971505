// What is typed into one form of a page and not saved outlives the save of another, a link and a reload of this tab: it
// is put back, said to be unsaved, and can be dropped. Keeps nothing for another person, and nothing once it was sent.
(() => {
  "use strict";
  const me = document.body.dataset.me;
  const forms = [...document.querySelectorAll("form[data-unsaved]")];
  const slot = form => `unsaved ${me} ${form.dataset.unsaved}`;
  const fields = form => [...form.elements].filter(f => f.name && !["submit", "button", "file", "reset"].includes(f.type) && (f.type !== "hidden" || f.name === form.dataset.with));
  const tick = f => ["checkbox", "radio"].includes(f.type);
  const held = form => JSON.stringify(fields(form).map(f => [f.name, f.value, tick(f) ? f.checked : null]));
  const first = new Map(forms.map(form => [form, held(form)]));
  let sent = null;
  const isOpen = form => "typed" in form.dataset || held(form) !== first.get(form);
  const mark = (form, on) => { const line = form.querySelector("[data-unsaved-line]"); if (line) line.hidden = !on; };
  const look = form => form.querySelector("[hx-post]")?.querySelector("input, textarea")?.dispatchEvent(new Event("input", { bubbles: true })) ?? form.dispatchEvent(new Event("input", { bubbles: true }));

  const put = (form, kept) => {
    for (const [name, value, on] of kept) {
      const field = fields(form).find(f => f.name === name && (on === null || f.value === value));
      if (!field) continue;
      if (on === null) field.value = value; else field.checked = on;
    }
  };
  for (const form of forms) {
    const kept = sessionStorage.getItem(slot(form));
    sessionStorage.removeItem(slot(form));
    // A page that shows what was typed is newer than what is kept.
    if (!kept || kept === held(form) || "typed" in form.dataset) continue;
    put(form, JSON.parse(kept));
    if (held(form) === first.get(form)) continue;
    form.closest("details")?.setAttribute("open", "");
    mark(form, true);
  }

  document.addEventListener("submit", e => {
    if (e.target.method !== "post" || e.submitter?.formTarget) return;
    if (!navigator.onLine && forms.includes(e.target)) { e.preventDefault(); document.dispatchEvent(new CustomEvent("onward:lost")); return; }
    if (!e.defaultPrevented) sent = e.target;
  });
  document.addEventListener("reset", e => {
    if (!forms.includes(e.target)) return;
    mark(e.target, false);
    // A hidden field is not reset by itself.
    setTimeout(() => { put(e.target, JSON.parse(first.get(e.target))); look(e.target); });
  });
  addEventListener("pagehide", () => {
    // Whoever signs out takes nothing along.
    if (sent?.getAttribute("action") === "/sign-out") return;
    for (const form of forms) if (form !== sent && isOpen(form)) sessionStorage.setItem(slot(form), held(form));
  });
  addEventListener("pageshow", () => { sent = null; });
  // Which languages of a template are shown stays chosen in this tab; without this file all stand side by side.
  const picks = [...document.querySelectorAll('.views [name="view"]')];
  const chosen = picks.find(pick => pick.value === sessionStorage.getItem("texts view"));
  if (chosen) chosen.checked = true;
  for (const pick of picks) pick.addEventListener("change", () => sessionStorage.setItem("texts view", pick.value));
  // Only now does anything listen to what is typed.
  document.addEventListener("htmx:after:process", () => {
    for (const form of forms) if (!form.querySelector("[data-unsaved-line]").hidden) look(form);
  }, { once: true });
})();
