// The editor of sequences: Alt and an arrow move the step that has the focus, and a chosen day and prospect outlive what
// is saved; a finding about the whole text leads to its line. Without this file the buttons move steps, and the preview is asked for by its own button.
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
  // A finding leads to its line of the whole text.
  document.addEventListener("click", e => {
    const line = Number(e.target.closest?.("[data-line]")?.dataset.line);
    const text = document.getElementById("text");
    if (!line || !text) return;
    e.preventDefault();
    const lines = text.value.split("\n");
    const at = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(at, at + (lines[line - 1] || "").length);
    text.scrollTop = Math.max(0, (line - 4) * text.scrollHeight / lines.length);
    text.scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("htmx:after:settle", keep);
})();
