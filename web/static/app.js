// Small behaviours only. Every page works without this file: moves are forms, menus lead to the prospect's page.
(() => {
  "use strict";
  const $ = (what, where = document) => where.querySelector(what);
  const $$ = (what, where = document) => [...where.querySelectorAll(what)];

  // --- toast: eight seconds, but not while somebody looks at it or stands on it; Ctrl Z reaches its Undo even later
  let timer, undoing = false;
  const undos = [];
  const settle = () => {
    const toast = $("[data-toast]");
    if (toast?.dataset.toast === "seen") return;
    clearTimeout(timer);
    if (!toast) return;
    toast.dataset.toast = "seen";
    const form = $("form", toast)?.cloneNode(true);
    // What cannot be taken back bars the way to what was done before it; the word that something was taken back does not.
    if (form) undos.push(form); else if (!undoing) undos.length = 0;
    undos.splice(0, undos.length - 20);
    undoing = false;
    const leave = () => { clearTimeout(timer); timer = setTimeout(() => toast.remove(), 8000); };
    for (const on of ["mouseenter", "focusin"]) toast.addEventListener(on, () => clearTimeout(timer));
    for (const off of ["mouseleave", "focusout"]) toast.addEventListener(off, leave);
    leave();
  };
  document.addEventListener("submit", e => { if (e.target.closest("[data-toast]")) { undos.pop(); undoing = true; } }, true);
  document.addEventListener("onward:undo", () => {
    const form = undos.pop();
    if (!form) return;
    undoing = true;
    $("[data-toast]")?.remove();
    form.hidden = true;
    $("#main").append(form);
    htmx.process(form);
    form.addEventListener("htmx:finally:request", () => form.remove());
    form.requestSubmit();
  });

  // --- the second press of a double click would meet the row that has come up into the place of the first
  document.addEventListener("click", e => {
    if (e.detail > 1 && e.target.closest("form[hx-post] button")) { e.preventDefault(); e.stopPropagation(); }
  }, true);

  // --- what went wrong on the way: the page says what failed, keeps what was typed, and offers to try once more
  const say = document.body.dataset;
  const name = el => (el?.getAttribute("aria-label") || el?.textContent || "").replace(/\s+/g, " ").trim();
  const retry = (line, words, again) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn small";
    button.textContent = words;
    button.addEventListener("click", () => { $("#alerts").replaceChildren(); again(); });
    line.append(button);
  };
  const alarm = (text, again, words = say.retry) => {
    const place = $("#alerts");
    if (!place) return;
    const line = document.createElement("p");
    line.className = "alert-line";
    const said = document.createElement("span");
    said.textContent = text;
    line.append(said);
    if (again) retry(line, words, again);
    place.replaceChildren(line);
    line.scrollIntoView({ block: "nearest" });
  };
  const again = (el, by) => () => {
    if (!el?.isConnected) { location.reload(); return; }
    if (el.matches("form")) el.requestSubmit(by?.isConnected && by.form === el ? by : null);
    else el.click();
  };
  let pressed = null;
  document.addEventListener("submit", e => { pressed = e.submitter; }, true);
  document.addEventListener("htmx:error", e => {
    const el = e.detail?.ctx?.sourceElement || e.target;
    const what = name(el.matches?.("form") ? pressed || $("button:not([type=button])", el) : el);
    alarm(what ? `${what}: ${say.lost}` : say.lost, again(el, pressed));
  });
  document.addEventListener("onward:lost", () => alarm(say.lost));

  // --- what a form holds outlives a sign-in: kept for the same person in this tab, until the form was taken
  const KEPT = "kept form";
  let leaving = false;
  const stash = el => {
    const form = el?.closest?.("form");
    const action = form?.getAttribute("action");
    if (!action || form.method !== "post" || action === "/sign-out") return;
    const fields = [...form.elements].filter(f => f.name && !["hidden", "password", "file", "submit", "button"].includes(f.type));
    const typed = fields.map(f => [f.name, f.type, f.value, f.checked]);
    leaving = true;
    if (typed.length) sessionStorage.setItem(KEPT, JSON.stringify({ me: say.me, action, typed }));
  };
  const restore = () => {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
    if (!kept || !say.me || leaving) return;
    if (kept.me !== say.me) { sessionStorage.removeItem(KEPT); return; }
    const form = $$("form").find(one => one.getAttribute("action") === kept.action && one.elements.length > 1);
    if (!form) {
      // A form that comes into the page by a link of its own: ask for it, once.
      const link = !kept.sought && $(`#main a[hx-get="${CSS.escape(kept.action)}"]`);
      if (link) { sessionStorage.setItem(KEPT, JSON.stringify({ ...kept, sought: true })); link.click(); }
      return;
    }
    sessionStorage.removeItem(KEPT);
    for (const [key, type, value, checked] of kept.typed) {
      for (const field of $$(`[name="${CSS.escape(key)}"]`, form)) {
        if (["checkbox", "radio"].includes(type)) { if (field.value === value) field.checked = checked; }
        else field.value = value;
      }
    }
    form.closest("details")?.setAttribute("open", "");
    alarm(say.kept);
    form.scrollIntoView({ block: "center" });
    $("button:not([type=button])", form)?.focus();
  };
  document.addEventListener("htmx:before:response", e => {
    const { response, sourceElement: el } = e.detail?.ctx || {};
    if (response?.status === 401 || response?.status === 400) stash(el);
  });
  const answered = e => {
    const { response, sourceElement: el } = e.detail?.ctx || {};
    const line = $("#alerts .alert-line");
    if (!line || !response) return;
    if (response.status === 400) retry(line, say.reload, () => location.reload());
    else if (response.status >= 500 || response.status === 429) retry(line, say.retry, again(el, pressed));
  };
  document.addEventListener("htmx:finally:request", answered);

  // --- without a network the page says so at once, and takes it back
  const network = () => { const line = $("#offline"); if (line) line.hidden = navigator.onLine; };
  for (const change of ["online", "offline"]) addEventListener(change, network);

  // --- after a swap: the focus goes to what asks for it, else back to the card that moved
  let card = null;
  document.addEventListener("htmx:before:request", e => {
    const form = e.target.closest?.("form");
    card = form?.dataset.card || form?.closest("[data-card]")?.dataset.card || null;
  });
  // --- what is typed into long fields outlives every swap and a reload of this tab, until it is saved
  const draft = field => `draft ${field.dataset.keep}`;
  document.addEventListener("input", e => { if (e.target.dataset?.keep) sessionStorage.setItem(draft(e.target), e.target.value); });
  document.addEventListener("submit", e => { if (e.target.getAttribute("action") === "/sign-out") { sessionStorage.clear(); self.caches?.delete("onward-call"); for (const key of Object.keys(localStorage)) if (key.startsWith("heard ")) localStorage.removeItem(key); } });
  const refill = () => {
    for (const field of $$("[data-keep]")) {
      const kept = sessionStorage.getItem(draft(field));
      if (kept !== null && kept !== field.value) field.value = kept;
    }
  };
  document.addEventListener("htmx:after:request", e => {
    const form = e.target.closest?.("form");
    if (!form || !(e.detail?.ctx?.response?.status < 400)) return;
    for (const field of $$("[data-keep]", form)) sessionStorage.removeItem(draft(field));
  });

  document.addEventListener("htmx:after:settle", () => {
    settle();
    refill();
    restore();
    pick(shown);
    const asks = $("[data-focus]");
    if (asks) {
      asks.removeAttribute("data-focus");
      (asks.querySelector("input:not([type=hidden]), select, textarea") || asks).focus();
      return;
    }
    if (card && (document.activeElement === document.body || !document.activeElement)) $(`#card-${card} a`)?.focus();
  });

  // --- board: one stage at a time on a phone
  let shown = $(".col.shown")?.dataset.colBody;
  const pick = key => {
    if (!key || !$(".board")) return;
    shown = key;
    for (const col of $$(".col")) col.classList.toggle("shown", col.dataset.colBody === key);
    for (const chip of $$("[data-col]")) {
      if (chip.dataset.col !== key) { chip.removeAttribute("aria-current"); continue; }
      chip.setAttribute("aria-current", "true");
      chip.scrollIntoView({ inline: "nearest", block: "nearest" });
    }
  };

  // --- board: the menu of moves, one for the page, filled when it opens so that it is never clipped
  const prepare = (form, from) => {
    form.dataset.card = from.dataset.card;
    const address = `/prospects/${from.dataset.card}/moves`;
    form.setAttribute("action", address);
    form.setAttribute("hx-post", address);
    form.elements.version.value = from.dataset.version;
    form.elements.from.value = from.dataset.stage;
    form.elements.csrf_token.value = $("input[name=csrf_token]").value;
  };
  const openMenu = from => {
    const menu = $("#moves");
    const moves = $(`template[data-moves="${CSS.escape(from.dataset.stage)}"]`);
    const button = $("[data-menu]", from);
    if (!menu || !moves || !button) return false;
    menu.replaceChildren(moves.content.cloneNode(true));
    for (const form of $$("form", menu)) prepare(form, from);
    htmx.process(menu);
    menu.showPopover();
    const at = button.getBoundingClientRect();
    const { offsetWidth: wide, offsetHeight: high } = menu;
    menu.style.left = `${Math.max(8, Math.min(at.right - wide, innerWidth - wide - 8))}px`;
    menu.style.top = `${at.bottom + high + 8 > innerHeight ? Math.max(8, at.top - high - 4) : at.bottom + 4}px`;
    $("button", menu)?.focus();
    return true;
  };
  document.addEventListener("click", e => {
    const button = e.target.closest("[data-menu]");
    if (button && openMenu(button.closest("[data-card]"))) e.preventDefault();
    const chip = e.target.closest("[data-col]");
    if (chip && $(".board")) { e.preventDefault(); pick(chip.dataset.col); }
    const close = e.target.closest("[data-close]");
    if (close) {
      const guard = close.closest(".guard");
      const back = guard.id.replace("guard-", "card-");
      guard.remove();
      ($(`#${back} a`) || $("#main")).focus();
    }
    if (e.target.closest("[data-dismiss]")) e.target.closest(".toast, .alert-line").remove();
  });
  document.addEventListener("submit", e => { if (e.target.closest("#moves")) $("#moves").hidePopover(); });

  // --- board: dragging asks at the same door, by the stage on which the card is let go
  let held = null;
  document.addEventListener("dragstart", e => {
    held = e.target.closest?.("[data-card]");
    if (!held) return;
    e.dataTransfer.effectAllowed = "move";
    e.dataTransfer.setData("text/plain", held.dataset.card);
    held.classList.add("lifted");
  });
  const over = (e, on) => {
    const place = held && e.target.closest?.("[data-drop]");
    if (!place || place.dataset.drop === held.dataset.stage) return null;
    if (on) e.preventDefault();
    place.classList.toggle("over-ok", on);
    return place;
  };
  document.addEventListener("dragover", e => over(e, true));
  document.addEventListener("dragleave", e => { if (!e.target.closest?.("[data-drop]")?.contains(e.relatedTarget)) over(e, false); });
  document.addEventListener("drop", e => {
    const place = over(e, false);
    if (!place) return;
    e.preventDefault();
    const form = $("template[data-drop-form]").content.firstElementChild.cloneNode(true);
    prepare(form, held);
    form.elements.to.value = place.dataset.drop;
    form.hidden = true;
    $("#main").append(form);
    htmx.process(form);
    form.requestSubmit();
    form.addEventListener("htmx:finally:request", () => form.remove());
  });
  document.addEventListener("dragend", () => { held?.classList.remove("lifted"); held = null; });

  // --- templates: the HTML of what is typed, posted into a frame; a fresh frame leaves no steps to go back through
  let typing;
  const draw = form => {
    const frame = $(`iframe[name="frame-${form.dataset.text}"]`);
    const fresh = frame.cloneNode();
    fresh.removeAttribute("src");
    frame.replaceWith(fresh);
    form.requestSubmit($("[data-draw]", form));
  };
  document.addEventListener("input", e => {
    const form = e.target.closest?.("form[data-text]");
    if (!form) return;
    clearTimeout(typing);
    typing = setTimeout(() => draw(form), 600);
  });
  document.addEventListener("change", e => {
    if (!e.target.matches("[data-prospect]")) return;
    for (const form of $$("form[data-text]")) {
      form.elements.prospect.value = e.target.value;
      if (!form.elements.text.value) continue;
      htmx.trigger(form.elements.subject, "input");
      draw(form);
    }
  });

  // --- theme: what is seen at once is what the server keeps
  document.addEventListener("submit", e => {
    const form = e.target.closest("[data-theme-form]");
    if (!form) return;
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = form.elements.theme.value = dark ? "light" : "dark";
  }, true);

  // --- keys of the board's menu; all others stand below
  document.addEventListener("keydown", e => {
    const at = e.target;
    if (e.key === "Escape") {
      const form = at.closest?.("form[data-escape]");
      if (form) location.assign(form.dataset.escape);
    }
    if ((e.ctrlKey || e.metaKey) && ["Enter", "NumpadEnter"].includes(e.code) && at.form?.method === "post") { e.preventDefault(); at.form.requestSubmit(); }
    if (e.ctrlKey || e.metaKey || e.altKey || at.closest("input,textarea,select,[contenteditable]")) return;
    const menu = at.closest("#moves");
    if (menu) {
      const all = $$("button", menu);
      const place = all.indexOf(document.activeElement);
      if (e.code === "ArrowDown") { e.preventDefault(); all[(place + 1) % all.length].focus(); }
      if (e.code === "ArrowUp") { e.preventDefault(); all[(place - 1 + all.length) % all.length].focus(); }
      const digit = /^(?:Digit|Numpad)(\d)$/.exec(e.code)?.[1];
      if (digit) all.find(one => $("kbd", one)?.textContent === digit)?.click();
      return;
    }
    if (e.code === "KeyM" && say.keys !== "off") { const on = at.closest("[data-card]"); if (on && openMenu(on)) e.preventDefault(); }
  });

  settle();
  refill();
  restore();
  network();
  pick(shown);
})();

// Keys and the palette. Keys are known by their place (event.code), so a Bulgarian layout has the same ones.
// A control says its key itself, by aria-keyshortcuts: "C" or "G T"; this file knows no page.
(() => {
  "use strict";
  const $ = (what, where = document) => where.querySelector(what);
  const $$ = (what, where = document) => [...where.querySelectorAll(what)];
  const body = document.body;
  const seen = el => el.checkVisibility({ visibilityProperty: true });
  const typing = el => !!el.closest("input:not([type=checkbox],[type=radio],[type=button],[type=submit]), textarea, select, [contenteditable]");

  // --- the palette and the list of keys come once, when first asked for
  let coming = null;
  const open = async which => {
    if ($("dialog[open]")) return;
    try { (await (coming ||= import(body.dataset.palette).then(async it => { await it.fetched(act); return it; }))).show(which); }
    catch { coming = null; document.dispatchEvent(new CustomEvent("onward:lost")); }
  };

  // --- what a key does
  const act = el => {
    if (!el?.isConnected) return;
    if (el.matches("input:not([type=submit],[type=button]), textarea, select")) { el.scrollIntoView({ block: "center" }); el.focus(); }
    else { el.focus(); el.click(); }
  };
  const near = () => document.activeElement?.closest("[data-card], .rows li, tbody tr, .outbox li");
  const by = keys => {
    const all = where => where ? $$("[aria-keyshortcuts]", where).filter(el => el.getAttribute("aria-keyshortcuts") === keys && seen(el) && !el.disabled) : [];
    return all(near())[0] || all($("#main"))[0] || all(document).find(el => !el.closest("dialog"));
  };
  const step = (by_, e) => {
    const rows = $$("#main :is(.card a.name, .card a, .rows li a.name, .rows li .who a, tbody th a)").filter(seen);
    const lines = rows.filter((el, at) => rows.findIndex(other => other.closest("[data-card], li, tr") === el.closest("[data-card], li, tr")) === at);
    if (!lines.length) return;
    e.preventDefault();
    const at = lines.findIndex(el => el.closest("[data-card], li, tr")?.contains(document.activeElement));
    const to = lines[at < 0 ? (by_ > 0 ? 0 : lines.length - 1) : Math.min(lines.length - 1, Math.max(0, at + by_))];
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  };
  const PAGES = { KeyT: "/", KeyB: "/board", KeyA: "/analytics", KeyM: "/meetings", KeyS: "/settings" };
  let first = "", until = 0;
  const second = e => {
    const was = performance.now() < until ? first : "";
    first = "";
    if (was === "G") {
      const to = PAGES[e.code];
      const link = to && ($(`.side .nav a[href="${to}"]`) || $(`#more a[href="${to}"]`));
      if (link) { e.preventDefault(); location.assign(to); return true; }
    }
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(e.code)?.[1];
    const move = was === "M" && digit && by(`M ${digit}`);
    if (move) { e.preventDefault(); act(move); return true; }
    return false;
  };
  const NAMES = { BracketLeft: "[", BracketRight: "]" };
  document.addEventListener("keydown", e => {
    if (e.defaultPrevented || e.isComposing) return;
    const at = e.target, ctrl = e.ctrlKey || e.metaKey;
    if (ctrl && !e.shiftKey && !e.altKey && e.code === "KeyK") { e.preventDefault(); open("palette"); return; }
    if ($("dialog[open]")) return;
    if (ctrl && !e.shiftKey && !e.altKey && e.code === "KeyZ" && !typing(at)) {
      e.preventDefault();
      document.dispatchEvent(new CustomEvent("onward:undo"));
      return;
    }
    if (ctrl || e.altKey || typing(at) || body.dataset.keys === "off" || at.closest("[popover]")) return;
    if (e.key === "?" || (e.code === "Slash" && e.shiftKey)) { e.preventDefault(); open("keys"); return; }
    if (e.shiftKey) return;
    if (second(e)) return;
    if (e.code === "Slash" || e.key === "/") {
      const field = [$("#q"), $("#jump")].find(one => one && seen(one));
      if (field) { e.preventDefault(); field.focus(); field.select(); }
      return;
    }
    if (e.code === "KeyJ" || e.code === "KeyK") { step(e.code === "KeyJ" ? 1 : -1, e); return; }
    if (e.code === "KeyG" || e.code === "KeyM") { first = e.code.slice(3); until = performance.now() + 1500; return; }
    const key = NAMES[e.code] || /^Key([A-Z])$/.exec(e.code)?.[1];
    const el = key && by(key);
    if (el) { e.preventDefault(); act(el); }
    else if (key === "C" && near()) { const to = $("a[href^='/prospects/']", near()); if (to) location.assign(`${to.pathname}/call`); }
  });
  document.addEventListener("click", e => {
    const button = e.target.closest("[data-open]");
    if (button) { e.preventDefault(); open(button.dataset.open); }
  });
})();
