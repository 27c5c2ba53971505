// The editor of templates: which languages are shown stays chosen in this tab. Without this file both stand side by side.
(() => {
  "use strict";
  const picks = [...document.querySelectorAll('.views [name="view"]')];
  const chosen = picks.find(pick => pick.value === sessionStorage.getItem("texts view"));
  if (chosen) chosen.checked = true;
  for (const pick of picks) pick.addEventListener("change", () => sessionStorage.setItem("texts view", pick.value));
})();
