"use strict";
// Follows what happens: a page of which something changed is asked for again, and its <main> takes the place of the old.
(() => {
  const PAUSE = 200; // ms between two fetches, so that a burst of events costs two and not a hundred
  const LOOK_AGAIN = 60_000; // ms after which the page is fetched without an event
  const ASK_AGAIN = 5_000; // ms after which a stream that was refused is asked for again
  const ANSWER = 5_000; // ms within which the page that listens for all must answer another
  const SHARED = "platen-events"; // the lock and the channel of this browser's pages
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
    const now = performance.now();
    for (const time of document.querySelectorAll("time[data-age]")) {
      // A row of the fleet is drawn by itself.
      const passed = Math.floor((now - (time.closest("[data-row]")?.drawn ?? drawn)) / 1000);
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

  // Of the fleet's page, rows alone are asked for again (`fleet.js`): those of these devices, or all.
  function changed(devices) {
    document.dispatchEvent(new CustomEvent("platen-changed", { detail: devices }));
  }

  async function refresh() {
    if (document.querySelector("main[data-fleet]")) {
      changed(null);
      return;
    }
    if (document.querySelector("main[data-now]")) {
      document.dispatchEvent(new CustomEvent("platen-now"));
      return;
    }
    if (fetching) {
      wanted = true;
      return;
    }
    fetching = true;
    wanted = false;
    try {
      const response = await fetch(location.pathname + location.search, { credentials: "same-origin", cache: "no-store" });
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

  // Which devices and rollouts changed, and whether what needs a person did; null for any.
  function names(data) {
    try {
      const { devices, rollouts, now } = JSON.parse(data);
      return devices || rollouts || now ? { devices: devices ?? [], rollouts: rollouts ?? [], now: now ?? false } : null;
    } catch {
      return null;
    }
  }

  function happened(data) {
    const named = names(data);
    const { follow, followRollout } = document.querySelector("main")?.dataset ?? {};
    if (document.querySelector("main[data-fleet]")) named?.devices.length === 0 || changed(named?.devices ?? null);
    else if (!named) refresh();
    else if (document.querySelector("main[data-now], main[data-calls]")) named.now && refresh();
    else if (followRollout === "") named.rollouts.length && refresh();
    else if (followRollout !== undefined) named.rollouts.includes(followRollout) && refresh();
    else if (follow === undefined ? named.devices.length || named.rollouts.length : named.devices.includes(follow)) refresh();
  }

  // What the stream of events says, here or in the page that listens for all.
  function take({ live, look, data }) {
    if (live !== undefined) body.dataset.live = live ? "on" : "off";
    if (look) refresh();
    else if (data !== undefined) happened(data);
  }

  // Tells what comes, until the function that is returned is called.
  function listen(tell) {
    let source;
    let again;
    function open() {
      source = new EventSource("/live");
      source.onopen = () => tell({ live: true, look: true });
      source.onerror = () => {
        // Refused: the session may be over, which the next fetch shows.
        const refused = source.readyState === EventSource.CLOSED;
        tell({ live: false, look: refused });
        if (refused) again = setTimeout(open, ASK_AGAIN);
      };
      source.onmessage = (event) => tell({ data: event.data });
    }
    open();
    return () => {
      clearTimeout(again);
      source.close();
    };
  }

  // By HTTP/1.1 a browser has six connections to a host, and each stream of events holds one. So all pages of a browser
  // share one stream: the page that holds the lock listens, and tells the others. When it goes, the next one does.
  function share() {
    const channel = new BroadcastChannel(SHARED);
    const gone = new AbortController();
    let waits = false;
    let leave; // while this page listens: lets another do it
    let live = false;
    let asked = false;
    let unanswered;

    function tell(told) {
      if (told.live !== undefined) live = told.live;
      channel.postMessage(told);
      take(told);
    }

    // The lock is held until the promise is kept.
    function lead() {
      clearTimeout(unanswered);
      const close = listen(tell);
      return new Promise((kept) => {
        leave = () => {
          leave = undefined;
          close();
          kept();
        };
      });
    }

    function seized() {
      leave?.();
      wait();
    }

    function wait() {
      if (waits || gone.signal.aborted) return;
      waits = true;
      const turn = () => {
        waits = false;
        return lead();
      };
      navigator.locks.request(SHARED, { signal: gone.signal }, turn).catch(seized);
    }

    // Browsers halt pages that nobody looks at: one that is looked at does not wait for such a page.
    function ask() {
      if (leave || gone.signal.aborted) return;
      asked = true;
      channel.postMessage({ asks: true });
      clearTimeout(unanswered);
      unanswered = setTimeout(() => {
        if (!leave && !gone.signal.aborted) navigator.locks.request(SHARED, { steal: true }, lead).catch(seized);
      }, ANSWER);
    }

    channel.onmessage = ({ data: told }) => {
      if (told.asks) {
        if (leave) channel.postMessage({ live });
        return;
      }
      clearTimeout(unanswered);
      // What happened before the answer was told to others only.
      take({ ...told, look: told.look || asked });
      asked = false;
    };
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && ask());
    addEventListener(
      "pagehide",
      () => {
        gone.abort();
        clearTimeout(unanswered);
        leave?.();
        channel.close();
      },
      { once: true },
    );
    wait();
    ask();
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
  if (navigator.locks && "BroadcastChannel" in window) share();
  else addEventListener("pagehide", listen(take), { once: true });
})();
