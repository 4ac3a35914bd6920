"use strict";
// A device's page: its parts come when they come into view, and those that are here are asked for again when something
// happens, those on the screen at once. Without script each is a page of its own, to which a link leads.
(() => {
  const main = document.querySelector("main[data-device-page]");
  if (!main || !globalThis.platen) return;
  const AHEAD = "300px"; // how far before a part comes into view it is asked for
  const { morph, news, tell } = globalThis.platen;
  const onScreen = new Set();
  const stale = new Set();
  const loading = new Set();
  const failed = new Set(); // until something happens

  const name = (part) => part.id.slice("part-".length);
  const isDue = (part) => !failed.has(part.id) && (part.dataset.loads !== undefined || stale.has(part.id));

  async function load(part) {
    const { id } = part;
    if (loading.has(id)) return;
    loading.add(id);
    stale.delete(id);
    part.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(`${main.dataset.parts}${name(part)}`, { credentials: "same-origin", cache: "no-store" });
      if (response.redirected && new URL(response.url).pathname === "/sign-in") {
        location.assign(response.url);
        return;
      }
      const next = response.ok && new DOMParser().parseFromString(await response.text(), "text/html").getElementById(id);
      const old = document.getElementById(id);
      if (next && old) put(old, next);
      else failed.add(id);
    } catch {
      // Away for now: what is here stays, or the link to it.
      failed.add(id);
    } finally {
      loading.delete(id);
      document.getElementById(id)?.removeAttribute("aria-busy");
    }
    look();
  }

  function put(old, next) {
    const isNew = old.dataset.loads !== undefined;
    const before = news();
    next.dataset.loaded = "";
    morph(old, next);
    const now = document.getElementById(next.id);
    if (now) now.drawn = performance.now();
    // What comes into view is no news.
    if (!isNew) tell(before);
    // Where somebody was sent to has its place only now.
    if (isNew && location.hash && now?.querySelector(`#${CSS.escape(location.hash.slice(1))}`)) now.scrollIntoView();
  }

  function look() {
    for (const id of onScreen) {
      const part = document.getElementById(id);
      if (part && isDue(part)) load(part);
    }
  }

  const watched = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) onScreen.add(target.id);
        else onScreen.delete(target.id);
      }
      look();
    },
    { rootMargin: AHEAD },
  );
  const seen = new WeakSet();
  function watch() {
    for (const part of document.querySelectorAll("main .piece")) {
      if (seen.has(part)) continue;
      seen.add(part);
      watched.observe(part);
    }
  }

  document.addEventListener("platen-looked", () => {
    failed.clear();
    for (const part of document.querySelectorAll("[data-loaded]")) stale.add(part.id);
    watch();
    look();
  });
  watch();
})();
