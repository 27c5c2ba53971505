// The palette behind Ctrl K and the list of keys behind "?": loaded by app.js when first asked for.
const $ = (what, where = document) => where.querySelector(what);
const $$ = (what, where = document) => [...where.querySelectorAll(what)];
const seen = el => el.checkVisibility({ visibilityProperty: true });
let act;

// Get both dialogs into the page; `press` does what a chosen control does. Fails when the server is away.
export const fetched = async press => {
  act = press;
  const answer = await fetch("/palette", { headers: { "HX-Request": "true" } });
  const to = answer.headers.get("HX-Redirect");
  if (to) location.assign(to);
  if (!answer.ok) throw new Error(answer.status);
  const made = document.createElement("template");
  made.innerHTML = await answer.text();
  // Unstyled it would flash; and what could not be fetched is asked for again the next time.
  const look = Object.assign(document.createElement("link"), { rel: "stylesheet", href: document.body.dataset.look });
  await new Promise((done, lost) => { look.onload = done; look.onerror = lost; document.head.append(look); });
  document.body.append(made.content);
  furnish();
};

// Show one of them.
export const show = which => {
  if (which === "palette") gather();
  $(`#${which}`).showModal();
  if (which === "palette") { const field = $("#pal-q"); field.value = ""; field.focus(); find(); }
};

// --- what the palette offers: the actions of this page, all pages, and prospects by the search there is
let acts = [], chosen = null, asked = 0, waiting;
const plain = text => text.toLocaleLowerCase().replace(/\s+/g, " ").trim();
const named = el => (el.getAttribute("aria-label") || el.textContent).replace(/\s+/g, " ").trim();
const keysOf = el => (el.getAttribute("aria-keyshortcuts") || "").split(" ").filter(Boolean);
const option = (id, words, keys) => {
  const made = document.createElement("div");
  made.id = id;
  made.setAttribute("role", "option");
  made.setAttribute("aria-selected", "false");
  const said = document.createElement("span");
  said.textContent = words;
  made.append(said);
  if (keys.length) {
    const box = document.createElement("span");
    box.className = "keys";
    box.append(...keys.map(key => Object.assign(document.createElement("kbd"), { textContent: key })));
    made.append(box);
  }
  return made;
};
const gather = () => {
  const names = new Set();
  acts = $$("#main a.btn, #main button, #main summary, #main .acts a, #main [aria-keyshortcuts]").filter(el => {
    if (el.closest("dialog, [popover], [aria-hidden=true]") || el.disabled || !seen(el)) return false;
    const name = el.matches("input, textarea, select") ? el.labels?.[0]?.textContent.trim() : named(el);
    if (!name || names.has(name) || names.size >= 60) return false;
    names.add(name);
    el.paletteName = name;
    return true;
  });
  $("[data-group=acts]").replaceChildren(...acts.map((el, at) => option(`pal-a${at}`, el.paletteName, keysOf(el))));
  const known = new Set($$("[data-group=pages] [data-go]").map(each => each.dataset.go));
  for (const link of $$(".side .nav a")) {
    const to = link.getAttribute("href");
    if (known.has(to)) continue;
    const name = link.cloneNode(true);
    $(".count", name)?.remove();
    const made = option(`pal-n${known.size}`, name.textContent.trim(), keysOf(link));
    made.dataset.go = to;
    known.add(to);
    $("[data-group=pages]").append(made);
  }
};
const offered = () => $$("#pal-list [role=option]:not([hidden])");
const choose = one => {
  chosen?.setAttribute("aria-selected", "false");
  chosen = one || null;
  const field = $("#pal-q");
  if (!chosen) { field.removeAttribute("aria-activedescendant"); return; }
  chosen.setAttribute("aria-selected", "true");
  field.setAttribute("aria-activedescendant", chosen.id);
  chosen.scrollIntoView({ block: "nearest" });
};
const count = () => {
  const all = offered();
  for (const group of $$("#pal-list [role=group]")) group.hidden = !$("[role=option]:not([hidden])", group);
  $("[data-none]").hidden = all.length > 0;
  const told = $("[data-told]");
  told.textContent = all.length === 1 ? told.dataset.one : told.dataset.many.replace("#", all.length);
  choose(all[0]);
};
const find = () => {
  const wanted = plain($("#pal-q").value);
  const words = wanted.split(" ").filter(Boolean);
  for (const one of $$("[data-group=acts] [role=option], [data-group=pages] [role=option]")) {
    const text = plain(`${one.firstElementChild.textContent} ${one.dataset.words || ""}`);
    one.hidden = !words.every(word => text.includes(word));
  }
  const place = $("[data-group=people]");
  clearTimeout(waiting);
  if (wanted.length < 2) { asked++; place.replaceChildren(); count(); return; }
  count();
  const turn = ++asked;
  waiting = setTimeout(async () => {
    try {
      const answer = await fetch(`/palette?q=${encodeURIComponent(wanted)}`, { headers: { "HX-Request": "true" } });
      const text = answer.ok ? await answer.text() : "";
      if (turn === asked) { place.innerHTML = text; count(); }
    } catch { /* the pages still serve; the offline notice stands already */ }
  }, 120);
};
const run = one => {
  if (!one) return;
  $("#palette").close();
  if (one.dataset.go) location.assign(one.dataset.go);
  else { const el = acts[Number(one.id.slice(5))]; act(el); }
};
const furnish = () => {
  const field = $("#pal-q");
  field.addEventListener("input", find);
  field.addEventListener("keydown", e => {
    const all = offered();
    const at = all.indexOf(chosen);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length }[e.code];
    if (to !== undefined && all.length) { e.preventDefault(); choose(all[to % all.length]); }
    if (e.key === "Enter" && !e.isComposing) { e.preventDefault(); run(chosen); }
  });
  $("#pal-list").addEventListener("click", e => run(e.target.closest("[role=option]")));
  for (const box of $$("#palette, #keys")) box.addEventListener("click", e => { if (e.target === box) box.close(); });
};
