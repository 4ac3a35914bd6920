"use strict";
// What needs a person. Lines change in place; new ones are announced and come in on a click, on the wall at once. What somebody
// does is answered with the line as it is then; the focus stays on it, and what happened is said.
(() => {
  const main = document.querySelector("main[data-now]");
  if (!main) return;
  const PAUSE = 200; // ms between two fetches
  const BEEP = 0.25; // s
  const OWN = 3000; // ms for which what somebody did here is left to be heard, before numbers are
  const wall = main.hasAttribute("data-wall");
  const said = document.getElementById("said");
  const body = document.body;
  const byId = (id) => document.getElementById(id);
  const lists = () => [byId("items"), byId("taken")].filter(Boolean);
  const lines = (page = document) => [...page.querySelectorAll("li[data-item]")];
  let fetching = false;
  let wanted = false;
  let fresh = null; // the page as it was fetched last
  let acted = -OWN; // when somebody did something here

  for (const line of lines()) line.drawn = performance.now();

  function say(words) {
    said.textContent = "";
    // Said again, should it be the same.
    setTimeout(() => (said.textContent = words), 20);
  }

  // Whether somebody points at the list, is in it by keyboard, or writes something: then nothing moves.
  const busy = () =>
    !wall && lists().some((list) => list.matches(":hover") || list.contains(document.activeElement) || list.querySelector("details[open]"));

  const key = (line) => `${line.dataset.version} ${line.dataset.state}`;

  // Puts a line in the place of another one; what is open in it, what was typed and where the focus is stay.
  function put(old, next) {
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
    const kept = [...old.querySelectorAll("[data-keep][id]")];
    next.drawn = performance.now();
    old.replaceWith(next);
    for (const id of open) byId(id)?.setAttribute("open", "");
    for (const field of kept) {
      const now = byId(field.id);
      if (now && field.value) now.value = field.value;
    }
    if (focused) (byId(focused) ?? next).focus({ preventScroll: true });
    return next;
  }

  function gone(line) {
    if (line.classList.contains("gone")) return;
    line.classList.add("gone");
    for (const button of line.querySelectorAll("button")) button.disabled = true;
  }

  // Changes lines where they are. How many came, and how many would stand elsewhere by what others did.
  function touch(page) {
    const found = new Map(lines(page).map((line) => [line.id, line]));
    let moved = 0;
    for (const line of lines()) {
      const next = found.get(line.id);
      found.delete(line.id);
      const own = line.hasAttribute("data-own");
      if (!next) {
        if (!own) gone(line);
        continue;
      }
      const elsewhere = next.parentElement?.id !== line.parentElement?.id;
      if (key(next) !== key(line)) put(line, next.cloneNode(true)).toggleAttribute("data-own", own);
      moved += elsewhere && !own;
    }
    return [found.size, moved];
  }

  // Lays the lists out as they are; `all` with lines that are new.
  function lay(page, all) {
    const before = new Map(lines().map((line) => [line.id, line]));
    const focused = document.activeElement?.id;
    const add = all || before.size === 0;
    let left = 0;
    for (const list of lists()) {
      const next = [...(page.getElementById(list.id)?.children ?? [])].filter((line) => {
        const shown = add || before.has(line.id);
        left += !shown;
        return shown;
      });
      list.replaceChildren(
        ...next.map((line) => {
          const old = before.get(line.id);
          if (old && key(old) === key(line) && !old.classList.contains("gone")) return old;
          const copy = line.cloneNode(true);
          copy.drawn = performance.now();
          return copy;
        }),
      );
    }
    for (const id of ["taken-section", "none"]) {
      const [old, next] = [byId(id), page.getElementById(id)];
      if (!old || !next) continue;
      old.hidden = next.hidden;
      if (id === "none") old.innerHTML = next.innerHTML;
    }
    if (focused && document.activeElement?.id !== focused) byId(focused)?.focus({ preventScroll: true });
    return left;
  }

  function count(page) {
    const before = byId("summary")?.textContent;
    for (const id of ["summary", "states", "customers"]) {
      const [old, next] = [byId(id), page.getElementById(id)];
      if (!old || !next || old.innerHTML === next.innerHTML || old.contains(document.activeElement)) continue;
      old.innerHTML = next.innerHTML;
    }
    return before !== byId("summary")?.textContent;
  }

  function announce(came, moved) {
    const news = byId("news");
    if (!news) return;
    const parts = [came ? `${came} new` : "", moved ? `${moved} changed place` : ""].filter(Boolean);
    const words = parts.length ? `${parts.join(", ")}: show` : "";
    if (news.textContent === words) return;
    news.textContent = words;
    news.hidden = !words;
    if (words && came) say(words);
  }

  function take(page) {
    fresh = page;
    bring(page);
    document.dispatchEvent(new Event("platen-drawn"));
  }

  function bring(page) {
    const changed = count(page);
    if (main.hasAttribute("data-item-page")) {
      takeOne(page);
      return;
    }
    if (wall) {
      const known = new Set(lines().map((line) => line.id));
      lay(page, true);
      tellOfNew(lines().filter((line) => !known.has(line.id)));
      stamp(page);
      return;
    }
    if (busy()) announce(...touch(page));
    else announce(lay(page, false), 0);
    if (changed && byId("news")?.hidden && performance.now() - acted > OWN) say([...document.querySelectorAll("#summary li")].map((part) => part.textContent).join(", "));
  }

  function takeOne(page) {
    touch(page);
    for (const id of ["history", "parts"]) {
      const [old, next] = [byId(id), page.getElementById(id)];
      if (old && next) old.innerHTML = next.innerHTML;
    }
  }

  // For the wall: when it was looked at last.
  function stamp(page) {
    const [old, next] = [byId("updated"), page.getElementById("updated")];
    if (!old || !next) return;
    old.replaceWith(next);
    const since = byId("off-since");
    if (since) since.textContent = next.textContent;
  }

  async function look() {
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
      if (response.ok) take(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      // Away for now; the stream says when the manager is back, and then everything is asked for anew.
    }
    setTimeout(() => {
      fetching = false;
      if (wanted) look();
    }, PAUSE);
  }

  function refuse(line, words) {
    const place = line.querySelector("[data-refused]");
    if (place) [place.textContent, place.hidden] = [words, false];
    line.focus({ preventScroll: true });
    acted = performance.now();
    say(words);
  }

  async function act(form, submitter) {
    const line = form.closest("li[data-item]");
    const fields = new URLSearchParams(new FormData(form, submitter));
    fields.set("line", "1");
    submitter?.setAttribute("disabled", "");
    let response;
    let page;
    try {
      response = await fetch(form.action, { method: "POST", body: fields, credentials: "same-origin" });
      page = new DOMParser().parseFromString(await response.text(), "text/html");
    } catch {
      submitter?.removeAttribute("disabled");
      refuse(line, "The manager cannot be reached: nothing was done.");
      return;
    }
    const next = page.querySelector("li[data-item]");
    if (!response.ok || !next) {
      submitter?.removeAttribute("disabled");
      refuse(line, page.getElementById("detail")?.textContent ?? "The manager refused it.");
      look();
      return;
    }
    next.setAttribute("data-own", "");
    const copy = document.adoptNode(next);
    copy.drawn = performance.now();
    line.replaceWith(copy);
    copy.focus({ preventScroll: true });
    acted = performance.now();
    document.dispatchEvent(new Event("platen-drawn"));
    say(`${form.dataset.act}: ${copy.dataset.what}`);
    look();
  }

  main.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-act]")) return;
    event.preventDefault();
    act(event.target, event.submitter);
  });

  byId("news")?.addEventListener("click", (event) => {
    if (!fresh) return;
    event.preventDefault();
    lay(fresh, true);
    announce(0, 0);
    byId("items")?.querySelector("li")?.focus();
  });

  function step(line, by) {
    const all = lines();
    all[all.indexOf(line) + by]?.focus();
  }

  // Keys work in the list alone, so that they get in nobody's way.
  main.addEventListener("keydown", (event) => {
    const line = event.target.closest?.("li[data-item]");
    if (!line || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, textarea, select")) return;
    if (event.key === "j") step(line, 1);
    else if (event.key === "k") step(line, -1);
    else if (event.key === "Enter" && event.target === line) line.querySelector("h3 a")?.click();
    else {
      const control = line.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (!control) return;
      control.click();
      if (control.matches("summary")) control.parentElement.querySelector("textarea, select")?.focus();
    }
    event.preventDefault();
  });

  // Sound and notices of the browser, when somebody has asked for them here.
  let audio;
  function beep() {
    if (!audio) return;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    volume.gain.setValueAtTime(0.2, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + BEEP);
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + BEEP);
  }

  const pressed = (id) => byId(id)?.getAttribute("aria-pressed") === "true";

  function tellOfNew(came) {
    if (!came.length) return;
    if (pressed("sound")) beep();
    if (pressed("notify")) new Notification(`${came.length} new`, { body: came.map((line) => line.dataset.what).join("\n"), tag: "platen-now" });
  }

  const sound = byId("sound");
  if (sound && "AudioContext" in window) {
    sound.hidden = false;
    sound.addEventListener("click", () => {
      const on = !pressed("sound");
      sound.setAttribute("aria-pressed", String(on));
      audio ??= new AudioContext();
      if (on) beep();
    });
  }
  const notify = byId("notify");
  if (notify && "Notification" in window) {
    notify.hidden = false;
    notify.addEventListener("click", async () => {
      const allowed = pressed("notify") || (await Notification.requestPermission()) === "granted";
      notify.setAttribute("aria-pressed", String(allowed && !pressed("notify")));
      if (!allowed) say("The browser does not allow notices of this page.");
    });
  }

  document.addEventListener("platen-now", look);
  body.dataset.script = "on";
})();
