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
  const PAGES = { KeyT: "/", KeyB: "/board", KeyA: "/analytics", KeyS: "/settings" };
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
  });
  document.addEventListener("click", e => {
    const button = e.target.closest("[data-open]");
    if (button) { e.preventDefault(); open(button.dataset.open); }
  });
})();
