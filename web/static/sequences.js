// The editor of sequences: Alt and an arrow move the step that has the focus, and a chosen day and prospect outlive what
// is saved. Without this file the buttons move steps, and the preview is asked for by its own button.
(() => {
  "use strict";
  document.addEventListener("keydown", e => {
    const act = e.altKey && !e.ctrlKey && !e.metaKey && { ArrowUp: "up", ArrowDown: "down" }[e.code];
    const button = act && e.target.closest?.("[data-step]")?.querySelector(`[data-act="${act}"]`);
    if (!button || button.disabled || e.target.matches("select, textarea")) return;
    e.preventDefault();
    button.click();
  });
  const keep = () => {
    for (const name of ["day", "prospect"]) {
      const chosen = document.getElementById(name);
      if (chosen) for (const field of document.querySelectorAll(`input[type="hidden"][name="${name}"]`)) field.value = chosen.value;
    }
  };
  document.addEventListener("change", keep);
  document.addEventListener("htmx:after:settle", keep);
})();
