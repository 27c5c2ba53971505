// Call mode: every keystroke is kept on this device, then sent in small saves that may be repeated.
(() => {
  "use strict";
  const $ = (what, where = document) => where.querySelector(what);
  const $$ = (what, where = document) => [...where.querySelectorAll(what)];
  const paper = $("[data-print]");
  if (paper) { paper.hidden = false; paper.addEventListener("click", () => print()); }
  const root = $("[data-call]");
  if (!root) return;
  const id = root.dataset.call;
  const live = root.matches("form");
  const words = root.dataset;
  const fields = new Map($$("[data-f]").map(one => [one.name, one]));

  // --- on this device: one entry a window, so that two never write over each other
  const mark = `call ${id} `;
  const mine = mark + Math.random().toString(36).slice(2);
  const pending = {};
  const held = new Set();
  const adopted = [];
  // A browser may refuse to keep anything, or be full.
  let store = null;
  try { localStorage.removeItem(mine); store = localStorage; } catch {}
  const persist = () => {
    try {
      if (Object.keys(pending).length) store?.setItem(mine, JSON.stringify(pending));
      else store?.removeItem(mine);
    } catch {}
  };
  // What the server has, as this device last heard: a page opened without a network may be older than that.
  const heard = `heard ${id}`;
  const mirror = JSON.parse(store?.getItem(heard) ?? "null") ?? { fields: {} };
  const hear = (name, text, version) => {
    mirror.fields[name] = [text, version];
    try { store?.setItem(heard, JSON.stringify(mirror)); } catch {}
  };
  const forget = () => { store?.removeItem(heard); self.caches?.delete("onward-call"); };
  const status = $("[data-status]");
  const say = text => { if (status && status.textContent !== text) status.textContent = text; };
  const csrf = $("input[name=csrf_token]")?.value;

  let busy = false, again = false, wait = 1000, retry = 0, soon = 0;
  const flush = async last => {
    clearTimeout(soon);
    clearTimeout(retry);
    if (busy) { again = true; return false; }
    let room = last ? 8000 : 60000;
    const names = Object.keys(pending).filter(name => !held.has(name)).filter((name, place) => (room -= pending[name].text.length) > 0 || !place);
    if (!names.length) return all();
    busy = true;
    const body = new URLSearchParams();
    const sent = {};
    for (const name of names) {
      sent[name] = pending[name].sent = pending[name].text;
      body.append("name", name);
      body.append("text", sent[name]);
      body.append("version", pending[name].version);
    }
    let done = false;
    try {
      const answer = await fetch(`/calls/${id}`, { method: "PUT", body, redirect: "manual", keepalive: Boolean(last), headers: { "X-CSRF-Token": csrf } });
      if (answer.ok) { settle(await answer.json(), sent); done = true; wait = 1000; }
      else say(answer.type === "opaqueredirect" || answer.status === 400 ? words.wOut : words.wKept);
    } catch { say(words.wKept); }
    busy = false;
    persist();
    const left = Object.keys(pending).filter(name => !held.has(name)).length;
    if (!done) { retry = setTimeout(flush, wait); wait = Math.min(wait * 2, 30000); return false; }
    if (again || left) { again = false; return flush(); }
    return all();
  };
  const all = () => {
    if (held.size) return false;
    for (const [key, value] of adopted.splice(0)) if (store.getItem(key) === value) store.removeItem(key);
    say(`${words.wSaved} ${new Date().toTimeString().slice(0, 5)}`);
    return true;
  };
  const settle = (told, sent) => {
    if (told.ended && live) say(words.wEnded);
    for (const [name, version] of Object.entries(told.saved)) {
      const field = fields.get(name);
      if (field) field.dataset.v = version;
      hear(name, sent[name], version);
      if (pending[name]?.text === sent[name]) delete pending[name];
      else if (pending[name]) pending[name].version = version;
    }
    for (const [name, theirs] of Object.entries(told.conflicts)) meet(name, theirs);
  };

  // --- two windows: what one contains of the other needs no question; else both sides are shown
  const meet = (name, theirs) => {
    const field = fields.get(name);
    const own = pending[name];
    if (!own) return;
    if (!field) {
      // After the end nobody is asked: what was typed on both sides is kept, one below the other.
      if (/^(a\.|notes)/.test(name) && !theirs.text.includes(own.text)) pending[name] = { text: `${theirs.text}\n${own.text}`, version: theirs.version };
      else delete pending[name];
      return;
    }
    if (field.matches("[data-mark]")) {
      if (name === "asked" || name === "objections") set(field, [...new Set([...theirs.text.split(" "), ...own.text.split(" ")])].filter(Boolean).join(" "));
      own.text = field.value;
      own.version = theirs.version;
      return;
    }
    // An answer that was lost on the way: theirs is what this window sent before.
    if (own.text.includes(theirs.text) || own.sent === theirs.text) { own.version = theirs.version; return; }
    if (theirs.text.includes(own.text)) { take(field, theirs); return; }
    ask(field, theirs);
  };
  const set = (field, text) => { if (field) field.value = text; };
  const take = (field, theirs) => {
    field.value = theirs.text;
    field.dataset.v = theirs.version;
    hear(field.name, theirs.text, theirs.version);
    delete pending[field.name];
    show();
  };
  const ask = (field, theirs) => {
    held.add(field.name);
    field.parentNode.querySelector(".guard")?.remove();
    const note = $("template[data-clash]").content.firstElementChild.cloneNode(true);
    $("[data-theirs]", note).textContent = theirs.text;
    field.after(note);
    field.closest("[data-answer]")?.removeAttribute("hidden");
    note.addEventListener("click", e => {
      const kept = e.target.closest("[data-keep]")?.dataset.keep;
      if (!kept) return;
      note.remove();
      held.delete(field.name);
      if (kept === "theirs") take(field, theirs);
      else {
        if (kept === "both") field.value = `${theirs.text}\n${field.value}`;
        pending[field.name] = { text: field.value, version: theirs.version };
      }
      persist();
      field.focus();
      flush();
    });
  };
  const keep = field => {
    const own = pending[field.name];
    pending[field.name] = { text: field.value, version: own ? own.version : Number(field.dataset.v), sent: own?.sent };
    persist();
    clearTimeout(soon);
    if (navigator.onLine) say("…");
    soon = setTimeout(flush, 700);
  };
  const adopt = () => {
    for (const key of Object.keys(store ?? {}).filter(one => one.startsWith(mark) && one !== mine)) {
      const value = store.getItem(key);
      adopted.push([key, value]);
      for (const [name, own] of Object.entries(JSON.parse(value))) {
        const field = fields.get(name);
        if (field && field.value === own.text) continue;
        if (!pending[name]) { pending[name] = own; set(field, own.text); continue; }
        if (pending[name].text !== own.text) meet(name, { text: own.text, version: pending[name].version });
      }
    }
    persist();
  };
  addEventListener("online", () => { wait = 1000; flush(); });
  addEventListener("pagehide", () => flush(true));
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") flush(true); });

  if (!live) {
    forget();
    adopt();
    if (Object.keys(pending).length) flush().then(sent => { if (sent) location.reload(); });
    return;
  }
  const show = () => { bank(); sheet(); };
  root.addEventListener("input", e => { if (e.target.matches("[data-f]")) { keep(e.target); show(); } });
  const note = (name, text) => { const field = fields.get(name); if (field.value !== text) { field.value = text; keep(field); } };

  // --- clock: seconds since the call began, less those on hold
  const told = Date.now() - Number(words.wall) * 1000;
  const start = mirror.start < told - 9000 ? mirror.start : told;
  mirror.start = start;
  for (const [name, [text, version]] of Object.entries(mirror.fields)) {
    const field = fields.get(name);
    if (field && version > Number(field.dataset.v)) { field.value = text; field.dataset.v = version; }
  }
  const wall = () => Math.floor((Date.now() - start) / 1000);
  const clock = () => { const [total, at] = (fields.get("clock").value || "0 -").split(" "); return { total: Number(total), at: at === "-" ? null : Number(at) }; };
  const spent = () => { const { total, at } = clock(); return Math.max((at ?? wall()) - total, 0); };
  const planned = Number(words.planned);
  const two = n => String(n).padStart(2, "0");
  const face = s => `${two(Math.floor(s / 60))}:${two(s % 60)}`;
  const hold = $("[data-hold]");
  const pause = () => {
    const { total, at } = clock();
    note("clock", at === null ? `${total} ${wall()}` : `${total + wall() - at} -`);
    if (at === null && talk().who !== "-") talker("-");
    tick();
  };
  let before = spent();
  const spoken = $("[data-spoken]");
  const tick = () => {
    const s = spent();
    $("[data-clock]").textContent = s > planned ? `+${face(s - planned)}` : face(s);
    $("[data-bar]").value = Math.min(s, planned);
    root.classList.toggle("over", s > planned);
    root.classList.toggle("soon", s <= planned && planned - s <= 120);
    hold.setAttribute("aria-pressed", clock().at !== null);
    if (before < planned - 120 && s >= planned - 120) spoken.textContent = words.wTwo;
    if (before < planned && s >= planned) spoken.textContent = words.wZero;
    before = s;
    const step = steps.get(here());
    if (step) {
      const used = s - since();
      const place = $("[data-spent]", step);
      place.textContent = `${face(used)} / ${face(Number(step.dataset.s))}`;
      place.classList.toggle("warn", used > Number(step.dataset.s));
    }
    ratio();
  };

  // --- script: one step at a time; the path holds the second at which each began
  const steps = new Map($$("[data-step]").map(one => [one.dataset.step, one]));
  const path = () => fields.get("path").value.split(" ").filter(Boolean).map(one => one.split("@"));
  const here = () => path().at(-1)?.[0] ?? [...steps.keys()][0];
  const since = () => Number(path().at(-1)?.[1] ?? 0);
  const go = (key, focus) => {
    if (key === "end") { end(); return; }
    if (!steps.has(key)) return;
    if (key !== path().at(-1)?.[0]) note("path", [...path().map(one => one.join("@")), `${key}@${spent()}`].slice(-100).join(" "));
    part = "step";
    draw();
    if (focus) $("h2", steps.get(key)).focus({ preventScroll: true });
    if (focus) scrollTo({ top: 0 });
  };
  const draw = () => {
    const been = new Set(path().map(one => one[0]));
    for (const [key, step] of steps) step.hidden = key !== here();
    for (const link of $$("nav [data-go]")) {
      const now = link.dataset.go === here();
      if (now) link.setAttribute("aria-current", "step"); else link.removeAttribute("aria-current");
      link.classList.toggle("done", been.has(link.dataset.go) && !now);
      if (now) link.parentNode.scrollTo?.({ left: link.offsetLeft - 80 });
    }
    if ($("[data-back]")) $("[data-back]").disabled = trail().length < 2;
    const on = $("[data-title]");
    if (on) on.textContent = $(`.script [data-go="${CSS.escape(steps.get(here()).dataset.next)}"]`)?.childNodes[1].textContent ?? $("#end-call").firstChild.textContent;
    show();
    tick();
  };
  // The steps that lead here: a step back takes the last one off, so that a second one does not return to it.
  const trail = () => path().reduce((way, [key]) => way.at(-2) === key ? way.slice(0, -1) : [...way, key], []);
  const back = () => { const way = trail(); if (way.length > 1) go(way.at(-2), true); };
  const on = () => go(steps.get(here())?.dataset.next ?? "end", true);

  // --- questions: of this step, a part of SPIN, or the parts that nothing covers yet
  let part = steps.size ? "step" : "gap";
  const rows = $$("[data-q]");
  const asked = () => fields.get("asked").value.split(" ").filter(Boolean);
  const answered = key => Boolean(fields.get(`a.${key}`)?.value.trim());
  const known = row => row.hasAttribute("data-said") || answered(row.dataset.q);
  const suits = row => [["persona", "who"], ["journey", "when"]].every(([name, on]) => {
    const value = fields.get(name)?.value;
    return !value || !row.dataset[on] || row.dataset[on].split(" ").includes(value);
  });
  const covered = spin => rows.some(row => row.dataset.spin === spin && known(row));
  const fits = row => {
    if (part === "step") return (steps.get(here())?.dataset.qs ?? "").split(" ").includes(row.dataset.q);
    if (part === "all") return true;
    if (!suits(row)) return false;
    return part === "gap" ? row.dataset.spin && !covered(row.dataset.spin) : row.dataset.spin === part;
  };
  let shown = [];
  const bank = () => {
    const all = new Set(asked());
    shown = rows.filter(fits);
    if (part === "step") { const order = (steps.get(here())?.dataset.qs ?? "").split(" "); shown.sort((a, b) => order.indexOf(a.dataset.q) - order.indexOf(b.dataset.q)); }
    for (const row of rows) {
      const place = shown.indexOf(row);
      row.hidden = place < 0;
      row.style.order = place;
      $("kbd", row).textContent = place < 9 ? place + 1 : "";
      row.classList.toggle("asked", all.has(row.dataset.q));
      $("[data-ask]", row).setAttribute("aria-pressed", all.has(row.dataset.q));
    }
    $("[data-none]").hidden = shown.length > 0;
    for (const button of $$("[data-part]")) button.setAttribute("aria-pressed", button.dataset.part === part);
  };
  const askOne = (key, off) => {
    const all = asked();
    const field = $(`[data-answer="${CSS.escape(key)}"] textarea`);
    if (!all.includes(key)) note("asked", [...all, key].join(" "));
    else if (off && !answered(key)) note("asked", all.filter(one => one !== key).join(" "));
    else { show(); field?.focus(); return; }
    show();
  };
  const sheet = () => {
    const all = new Set(asked());
    for (const box of $$("[data-answer]")) box.hidden = !(all.has(box.dataset.answer) || answered(box.dataset.answer) || box.contains(document.activeElement) || $(".guard", box));
    for (const section of $$(".spin")) {
      const own = rows.filter(row => row.dataset.spin === section.dataset.spin);
      $("[data-cover]", section).textContent = own.filter(known).length;
      const next = own.find(row => !known(row) && !all.has(row.dataset.q) && suits(row));
      const gap = $("[data-gap]", section);
      gap.hidden = !next;
      if (next) { const button = $("button", gap); button.textContent = $(".voice", next).textContent; button.dataset.nextQ = next.dataset.q; }
    }
  };

  // --- who talks, by tap: seconds of each side
  const talk = () => { const [me, them, who, at] = (fields.get("talk").value || "0 0 - 0").split(" "); return { me: Number(me), them: Number(them), who, at: Number(at) }; };
  const counted = () => {
    const now = talk();
    const more = now.who === "-" ? 0 : Math.max(spent() - now.at, 0);
    return { me: now.me + (now.who === "me" ? more : 0), them: now.them + (now.who === "them" ? more : 0) };
  };
  const talker = who => { const { me, them } = counted(); note("talk", `${me} ${them} ${who} ${spent()}`); tick(); };
  const ratio = () => {
    const { me, them } = counted();
    const { who } = talk();
    if (who !== "-") $("[data-hint]").textContent = who === "me" ? words.wYou : words.wThem;
    if (me + them < 5) return;
    const part = Math.round(100 * me / (me + them));
    $("[data-me]").setAttribute("width", Math.max(3 * part - 4, 1));
    $("[data-them]").setAttribute("x", 3 * part);
    $("[data-them]").setAttribute("width", Math.max(300 - 3 * part, 1));
    $("[data-ratio]").textContent = `${words.wYou} ${part}, ${words.wThem} ${100 - part}`;
    $("[data-talk]").classList.toggle("warn", part > 50);
  };

  // --- the end: everything is sent first; without a network the call goes on
  const end = async () => {
    const to = `/calls/${id}/end?seconds=${spent()}`;
    // The turn that is running counts too.
    if (talk().who !== "-") talker(talk().who);
    for (let turn = 0; turn < 20 && busy; turn++) await new Promise(go => setTimeout(go, 100));
    if (await flush()) location.assign(to);
    else ($(".guard[role=alert]") || status).scrollIntoView({ block: "center" });
  };
  root.addEventListener("submit", e => { e.preventDefault(); end(); });

  root.addEventListener("click", e => {
    const at = what => e.target.closest(what);
    const to = at("[data-go]");
    if (to) { e.preventDefault(); go(to.dataset.go, true); return; }
    if (at("[data-back]")) back();
    if (at("[data-on]")) on();
    if (at("[data-hold]")) pause();
    if (at("[data-talker]")) talker(talk().who === "me" ? "them" : "me");
    if (at("[data-part]")) { part = at("[data-part]").dataset.part; show(); }
    if (at("[data-ask]")) askOne(at("[data-q]").dataset.q, true);
    if (at("[data-next-q]")) { askOne(at("[data-next-q]").dataset.nextQ); $(`[data-answer="${CSS.escape(asked().at(-1))}"] textarea`)?.focus(); }
    const raised = at("summary")?.closest("[data-o]");
    if (raised && !raised.open) note("objections", [...new Set([...fields.get("objections").value.split(" "), raised.dataset.o])].filter(Boolean).join(" "));
  });
  document.addEventListener("keydown", e => {
    const typing = e.target.closest("input, textarea, select");
    if (e.code === "Escape" && typing) { typing.blur(); return; }
    if (typing || e.ctrlKey || e.metaKey || e.altKey || words.keys === "off") return;
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(e.code)?.[1];
    const act = digit ? () => {
      if (e.shiftKey) $$(".branches button", steps.get(here()))[digit - 1]?.click();
      else if (shown[digit - 1]) askOne(shown[digit - 1].dataset.q);
    } : {
      BracketLeft: back, BracketRight: on, KeyE: end, KeyP: pause,
      KeyN: () => fields.get("notes").focus(),
      KeyT: () => talker(talk().who === "me" ? "them" : "me"),
      KeyO: () => $(".objections summary")?.focus(),
    }[e.code];
    if (act) { e.preventDefault(); act(); }
  });

  $("#drop").addEventListener("submit", forget);
  if (self.caches && navigator.serviceWorker) {
    navigator.serviceWorker.register("/calls/worker.js").catch(() => {});
    const parts = [location.pathname, ...$$("head [src], head [rel=stylesheet], head [rel=icon]").map(one => one.src || one.href)];
    caches.open("onward-call").then(kept => kept.addAll(parts)).catch(() => {});
  }
  for (const one of $$("[data-hold], [data-parts], [data-ask], [data-talk], [data-nav]")) one.hidden = false;
  adopt();
  if (steps.size && !path().length) note("path", `${here()}@0`);
  draw();
  setInterval(tick, 1000);
  flush();
})();
