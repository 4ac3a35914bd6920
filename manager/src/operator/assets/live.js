"use strict";
// Follows what happens: a page of which something changed is asked for again, and what is new of its <main> comes into the
// one that is there (`idiomorph.js`). Where somebody is, what is open, what was typed and how far was scrolled stay; what
// happened is said.
(() => {
  const PAUSE = 200; // ms between two fetches, so that a burst of events costs two and not a hundred
  const LOOK_AGAIN = 60_000; // ms after which the page is fetched without an event
  const ASK_AGAIN = 5_000; // ms after which a stream that was refused is asked for again
  const ANSWER = 5_000; // ms within which the page that listens for all must answer another
  const SPEAK = 20; // ms before something is said
  const BREATH = 1_500; // ms within which what is said goes on, instead of taking the place of what was said
  const TOLD = 4; // changes that are said of one look; of more, how many
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
      // A row of a list, and a part that loads by itself, is drawn by itself.
      const passed = Math.floor((now - (time.closest("[data-row], [data-loaded]")?.drawn ?? drawn)) / 1000);
      const words = ago(Number(time.dataset.age) + passed);
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // Said to who does not see it; what is said in one breath is one sentence after the other.
  let breath = "";
  let spoken;
  function say(words) {
    breath = breath ? `${breath}. ${words}` : words;
    clearTimeout(spoken);
    said.textContent = "";
    // Said again, should it be the same.
    setTimeout(() => (said.textContent = breath), SPEAK);
    spoken = setTimeout(() => (breath = ""), BREATH);
  }

  // What the page has to tell by now: by id, in words.
  function news() {
    const told = new Map([...document.querySelectorAll("main [data-tell][id]")].map((one) => [one.id, one.dataset.tell]));
    return told.set("", summary());
  }

  function tell(before) {
    const now = news();
    const words = [];
    for (const [id, told] of now) if (told && before.get(id) !== told) words.push(told);
    for (const [id, told] of before) if (id && !now.has(id)) words.push(`No longer: ${told}`);
    if (!words.length) return;
    const more = words.length - TOLD;
    say(words.slice(0, TOLD).join(". ") + (more > 0 ? `. And ${more} more` : ""));
  }

  // Where somebody is, from the inside out.
  function place() {
    const path = [];
    for (let at = document.activeElement; at && at !== body && at.localName !== "main"; at = at.parentElement) path.push([at, at.id]);
    return path;
  }

  // What somebody stood on may be gone: then the focus is on what it was in, and not at the beginning of the page.
  function stay(path) {
    if (document.activeElement && document.activeElement !== body) return;
    for (const [at, id] of path) {
      const now = at.isConnected ? at : id && document.getElementById(id);
      if (!now) continue;
      now.focus({ preventScroll: true });
      if (document.activeElement === now) return;
      if (!now.matches("li, section, tr")) continue;
      now.tabIndex = -1;
      now.focus({ preventScroll: true });
      return;
    }
  }

  const isField = (one) => one.matches("input, select, textarea");
  const isTyped = (field) => {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.localName === "select") return field.dataset.chosen !== undefined;
    return field.value !== field.defaultValue;
  };
  // What this page has made of an element itself is not undone by what the manager says.
  const stays = {
    beforeNodeMorphed(old, next) {
      if (old.nodeType !== Node.ELEMENT_NODE) return true;
      if (isField(old)) return !isTyped(old);
      if (old.dataset.keep !== undefined || old.dataset.asking !== undefined) return false;
      if (next.dataset?.loads !== undefined && old.dataset.loads === undefined) {
        // A part that loads by itself, and is here: it is asked for again by itself (`device.js`).
        old.dataset.loaded = "";
        return false;
      }
      return old.localName !== "time" || next.dataset.age !== undefined || old.dateTime !== next.dateTime;
    },
    beforeNodeRemoved: (old) => old.nodeType !== Node.ELEMENT_NODE || old.dataset.refusal === undefined,
    beforeAttributeUpdated(name, old) {
      if (name === "open") return old.localName !== "details" && old.localName !== "dialog";
      return name !== "tabindex" || old !== document.activeElement;
    },
  };

  // Brings what is new in `next` into `old`.
  function morph(old, next) {
    const path = place();
    Idiomorph.morph(old, next, { morphStyle: "outerHTML", callbacks: stays });
    stay(path);
    document.dispatchEvent(new Event("platen-drawn"));
  }

  function swap(text) {
    const next = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    const old = document.querySelector("main");
    if (!next || !old) return;
    const before = news();
    morph(old, next);
    drawn = performance.now();
    tell(before);
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
      document.dispatchEvent(new Event("platen-looked"));
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

  const sending = new WeakSet();
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-quiet]")) return;
    event.preventDefault();
    if (sending.has(form)) return;
    sending.add(form);
    const button = event.submitter;
    const fields = new URLSearchParams(new FormData(form, button));
    // A button that is disabled would lose the focus.
    button?.setAttribute("aria-disabled", "true");
    let response;
    try {
      response = await fetch(form.action, { method: "POST", body: fields, credentials: "same-origin" });
    } catch {
      sending.delete(form);
      button?.removeAttribute("aria-disabled");
      refuse(form, "The manager cannot be reached: nothing was done.");
      return;
    }
    sending.delete(form);
    button?.removeAttribute("aria-disabled");
    if (response.redirected && new URL(response.url).pathname === "/sign-in") {
      location.assign(response.url);
      return;
    }
    await answer(form, response, button);
    refresh();
  });

  // What was done is said, and empties the form; a refusal is shown at the form and said.
  async function answer(sent, response, button) {
    const form = sent.isConnected ? sent : document.getElementById(sent.id) ?? sent;
    form.parentElement?.querySelector(":scope > [data-refusal]")?.remove();
    const place = form.querySelector("[data-refused]");
    if (!response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      refuse(form, page.getElementById("detail")?.textContent ?? "The manager refused it.");
      return;
    }
    if (place) place.hidden = true;
    form.reset();
    const dialog = form.closest("dialog");
    dialog?.close();
    dialog?.dispatchEvent(new Event("close"));
    const name = button?.getAttribute("aria-label") ?? button?.textContent ?? "";
    say(form.dataset.done ?? `Done: ${name.trim()}`);
  }

  function refuse(form, words) {
    let place = form.querySelector("[data-refused]");
    if (!place) {
      place = document.createElement("p");
      place.className = "error";
      place.dataset.refusal = "";
      form.after(place);
    }
    [place.textContent, place.hidden] = [words, false];
    say(words);
  }

  document.addEventListener("change", ({ target }) => target.matches("main select") && (target.dataset.chosen = ""));
  document.addEventListener("reset", ({ target }) => {
    for (const select of target.querySelectorAll("select")) delete select.dataset.chosen;
  });

  globalThis.platen = { morph, news, tell, say };
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  setInterval(count, 1000);
  setInterval(() => document.visibilityState === "visible" && refresh(), LOOK_AGAIN);
  if (navigator.locks && "BroadcastChannel" in window) share();
  else addEventListener("pagehide", listen(take), { once: true });
})();
