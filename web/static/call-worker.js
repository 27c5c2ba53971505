// Keeps the page of a call in progress, so that it opens without a network. Everything else goes by as if nobody stood here.
"use strict";
const CACHE = "onward-call";
const CALL = /^\/calls\/[0-9a-f-]{36}$/;
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", e => e.waitUntil(self.clients.claim()));

const opened = async (request, path) => {
  // No network, or nobody behind the proxy: both are the same to whoever is on the line.
  const answer = await fetch(request).catch(() => null);
  if (!answer || answer.status >= 500) return (await caches.match(path, { ignoreVary: true })) ?? answer ?? Response.error();
  const cache = await caches.open(CACHE);
  // Only a call in progress is kept: what was written down is on the server, and nowhere else.
  if (answer.headers.get("X-Call") === "live") await cache.put(path, answer.clone());
  else {
    await cache.delete(path, { ignoreVary: true });
    const rest = await cache.keys();
    if (!rest.some(one => CALL.test(new URL(one.url).pathname))) await caches.delete(CACHE);
  }
  return answer;
};

self.addEventListener("fetch", e => {
  const url = new URL(e.request.url);
  if (e.request.method !== "GET" || url.origin !== location.origin) return;
  if (e.request.mode === "navigate" && CALL.test(url.pathname)) e.respondWith(opened(e.request, url.pathname));
  else if (url.pathname.startsWith("/assets/")) e.respondWith(caches.match(e.request, { ignoreVary: true }).then(kept => kept ?? fetch(e.request)));
});
