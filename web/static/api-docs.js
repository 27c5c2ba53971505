// Shows the API's own document in the vendored viewer. No validator elsewhere is asked, and no key is kept.
window.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector("#api");
  SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    persistAuthorization: false,
    presets: [SwaggerUIBundle.presets.apis],
  });
});
