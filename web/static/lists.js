// Board and list only: they stay fresh, filters stand in the address, rows are chosen, barred moves are marked.
(() => {
  "use strict";
  const $ = (what, where = document) => where.querySelector(what);
  const $$ = (what, where = document) => [...where.querySelectorAll(what)];
  const EVERY = 4000;

  // --- a live filter writes itself into the address, so that a reload and a link show the same
  document.addEventListener("htmx:before:request", e => {
    const form = e.target.closest?.("form[data-live]");
    if (!form) return;
    const told = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", told.size ? `${form.getAttribute("action")}?${told}` : form.getAttribute("action"));
  });

  // --- fresh: one small question every few seconds while somebody looks; nothing moves under a hand or a word
  let mark = null, asking = false, stale = false;
  const busy = () => $(".guard, .lifted, #moves:popover-open, details.keep[open]") || document.activeElement?.id === "q";
  const renew = () => {
    if (!$("#stages[data-fresh]") || busy()) return;
    stale = false;
    const told = new URLSearchParams(location.search);
    told.set("part", "fresh");
    for (const more of $$("[data-more]")) {
      const number = Number(more.dataset.more);
      if (number > 20) told.append("more", `${more.id.replace("more-", "")}:${number}`);
    }
    const shown = $(".col.shown")?.dataset.colBody;
    if (shown) told.set("stage", shown);
    htmx.ajax("GET", `/board?${told}`, { source: "#stages", target: "#stages", swap: "none" });
  };
  const ask = async () => {
    const place = $("#stages[data-fresh]");
    if (!place || asking || document.visibilityState !== "visible") return;
    if (stale) { renew(); return; }
    asking = true;
    try {
      const answer = await fetch(place.dataset.fresh, { headers: mark ? { "If-None-Match": mark } : {}, cache: "no-store" });
      const now = answer.headers.get("ETag");
      if (answer.status === 204 && now) {
        if (mark && now !== mark) { stale = true; renew(); }
        mark = now;
      }
    } catch { /* the next question finds the server again, and a click would say that it is away */ }
    asking = false;
  };
  ask();
  setInterval(ask, EVERY);
  document.addEventListener("visibilitychange", ask);

  // --- the menu of moves: a lock and the reason at what the playbook bars, before it is tried
  document.addEventListener("toggle", async e => {
    const form = e.target.id === "moves" && e.newState === "open" && $("form[data-card]", e.target);
    if (!form) return;
    const answer = await fetch(`/prospects/${form.dataset.card}/moves`).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const barred = await answer.json();
    for (const each of $$("form[data-trigger]", e.target)) {
      const why = barred[each.dataset.trigger];
      if (why === undefined) continue;
      each.classList.add("barred");
      const told = $("small", each);
      told.append(why);
      told.hidden = $("i", each).hidden = false;
    }
  }, true);

  // --- dragging: where no way leads, and what bars the others, before the card is let go
  let lifted = null;
  const clear = () => {
    lifted = null;
    for (const col of $$(".col")) { col.classList.remove("shut", "barred"); delete $(".cards", col)?.dataset.why; }
  };
  document.addEventListener("dragstart", async e => {
    const held = lifted = e.target.closest?.("[data-card]");
    if (!held) return;
    const answer = await fetch(`/prospects/${held.dataset.card}/moves`).catch(() => null);
    const barred = answer?.ok && !answer.redirected ? await answer.json() : {};
    if (lifted !== held) return;
    const ways = $$("form", $(`template[data-moves="${CSS.escape(held.dataset.stage)}"]`).content);
    for (const col of $$(".col")) {
      const stage = col.dataset.colBody, leading = ways.filter(way => way.dataset.to === stage);
      if (stage === held.dataset.stage) continue;
      const why = leading.map(way => barred[way.dataset.trigger]);
      const shut = !leading.length;
      col.classList.toggle("shut", shut);
      if (!shut && why.some(one => one === undefined)) continue;
      col.classList.toggle("barred", !shut);
      $(".cards", col).dataset.why = shut ? $("template[data-no-way]").content.textContent : why[0];
    }
  });
  document.addEventListener("dragend", clear);
  document.addEventListener("drop", clear);

  // --- the list: rows that are chosen
  const count = () => {
    const form = $(".chosen");
    if (!form) return;
    const all = $$("input[name=row]", form), on = all.filter(one => one.checked);
    const head = $("[data-all]", form);
    head.hidden = false;
    head.checked = on.length === all.length;
    head.indeterminate = on.length > 0 && on.length < all.length;
    $("[data-count]", form).textContent = on.length ? on.length : "";
  };
  document.addEventListener("change", e => {
    if (e.target.matches("[data-all]")) for (const one of $$(".chosen input[name=row]")) one.checked = e.target.checked;
    if (e.target.closest(".chosen")) count();
  });
  document.addEventListener("htmx:after:settle", count);
  count();
})();
