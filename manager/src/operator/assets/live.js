"use strict";
// Follows what happens: an event asks for the page again, and its <main> takes the place of the old.
(() => {
  const PAUSE = 200; // ms between two fetches, so that a burst of events costs two and not a hundred
  const LOOK_AGAIN = 60_000; // ms after which the page is fetched without an event
  const body = document.body;
  const said = document.getElementById("said");
  let fetching = false;
  let wanted = false;
  let drawn = performance.now();

  function ago(seconds) {
    if (seconds < 2) return "just now";
    if (seconds < 60) return `${seconds} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} d ago`;
  }

  // Counted from when the page was drawn, so that a wrong clock here does not matter.
  function count() {
    const passed = Math.floor((performance.now() - drawn) / 1000);
    for (const time of document.querySelectorAll("time[data-age]")) {
      const words = ago(Number(time.dataset.age) + passed);
      if (time.textContent !== words) time.textContent = words;
    }
  }

  function swap(text) {
    const next = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    const old = document.querySelector("main");
    if (!next || !old) return;
    const focused = document.activeElement && document.activeElement.id;
    const open = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
    // What somebody is typing, and what it was answered, stays while the page under it changes.
    const kept = [...old.querySelectorAll("[data-keep][id]")];
    const before = summary();
    old.replaceWith(document.adoptNode(next));
    drawn = performance.now();
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    for (const field of kept) {
      const now = document.getElementById(field.id);
      if (!now) continue;
      if (!("value" in field)) [now.textContent, now.hidden] = [field.textContent, field.hidden];
      else if (field.type !== "select-one" || [...now.options].some((one) => one.value === field.value)) now.value = field.value;
    }
    if (focused && focused !== "main") document.getElementById(focused)?.focus({ preventScroll: true });
    if (summary() !== before) said.textContent = summary();
  }

  function summary() {
    const parts = document.querySelectorAll("#summary li");
    return parts.length
      ? [...parts].map((part) => part.textContent).join(", ")
      : document.getElementById("summary")?.textContent ?? "";
  }

  async function refresh() {
    if (fetching) {
      wanted = true;
      return;
    }
    fetching = true;
    wanted = false;
    try {
      const response = await fetch(location.pathname, { credentials: "same-origin", cache: "no-store" });
      if (response.redirected && new URL(response.url).pathname === "/sign-in") {
        location.assign(response.url);
        return;
      }
      if (response.ok) swap(await response.text());
    } catch {
      // Away for now; the event source says when the manager is back.
    }
    setTimeout(() => {
      fetching = false;
      if (wanted) refresh();
    }, PAUSE);
  }

  function concerns(event) {
    const followed = document.querySelector("main")?.dataset.follow;
    if (!followed) return true;
    try {
      const { device } = JSON.parse(event.data);
      // What names no device concerns all.
      return !device || device === followed;
    } catch {
      return true;
    }
  }

  function listen() {
    const source = new EventSource("/api/v1/events");
    source.onopen = () => {
      body.dataset.live = "on";
      refresh();
    };
    source.onerror = () => {
      body.dataset.live = "off";
      if (source.readyState === EventSource.CLOSED) {
        // Refused: the session may be over, which the next fetch shows.
        refresh();
        setTimeout(listen, 5_000);
      }
    };
    source.onmessage = (event) => {
      if (concerns(event)) refresh();
    };
    source.addEventListener("resync", refresh);
    addEventListener("pagehide", () => source.close(), { once: true });
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-quiet]")) return;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    event.submitter?.setAttribute("disabled", "");
    let response;
    try {
      response = await fetch(form.action, { method: "POST", body: fields, credentials: "same-origin" });
    } catch {
      form.submit();
      return;
    }
    event.submitter?.removeAttribute("disabled");
    await answer(form, response);
    refresh();
  });

  // Where the form has a place for it, a refusal is shown there; what was accepted empties the form.
  async function answer(sent, response) {
    const page = response.ok ? null : new DOMParser().parseFromString(await response.text(), "text/html");
    // An event may have drawn the page again meanwhile: then the form is another one.
    const form = sent.isConnected ? sent : document.getElementById(sent.id);
    const place = form?.querySelector("[data-refused]");
    if (!place) return;
    if (!page) {
      form.reset();
      place.hidden = true;
      return;
    }
    place.textContent = page.getElementById("detail")?.textContent ?? "The manager refused it.";
    place.hidden = false;
  }

  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  setInterval(count, 1000);
  setInterval(() => document.visibilityState === "visible" && refresh(), LOOK_AGAIN);
  listen();
})();
