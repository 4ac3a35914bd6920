"use strict";
// The fleet: asks anew for the rows that are on the screen and have changed, loads more when somebody scrolls to the end,
// and tells of devices that have come into the list. Nothing moves while somebody looks at it.
(() => {
  const main = document.querySelector("main[data-fleet]");
  if (!main) return;
  const PAUSE = 250; // ms between two fetches
  const AT_ONCE = 100; // rows that are asked for at once
  const AHEAD = "600px"; // how far before the end more is loaded
  const body = document.body;
  const said = document.getElementById("said");
  const list = () => document.getElementById("rows");
  const row = (name) => document.getElementById(`row-${name}`);
  const onScreen = new Set();
  const stale = new Set();
  let numbers = false; // whether the numbers at the top may be old
  let fetching = false;
  let later;

  const watched = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const name = target.dataset.device;
      if (isIntersecting) onScreen.add(name);
      else onScreen.delete(name);
    }
    if ([...onScreen].some((name) => stale.has(name))) look();
  });

  function watch(element) {
    element.drawn = performance.now();
    watched.observe(element);
  }

  // The address of what this page shows, with other words before it.
  function asked(extra) {
    const query = new URLSearchParams(location.search);
    query.delete("cursor");
    for (const [name, value] of Object.entries(extra)) query.set(name, value);
    return query;
  }

  function put(fresh) {
    const name = fresh.dataset.device;
    const old = row(name);
    stale.delete(name);
    if (!old) return;
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    // What somebody ticked stays ticked.
    const ticked = old.querySelector("input[name=device]")?.checked;
    const box = fresh.querySelector("input[name=device]");
    if (box && ticked) box.checked = true;
    watched.unobserve(old);
    old.replaceWith(fresh);
    watch(fresh);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function replace(id, page) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (!old || !fresh || old.innerHTML === fresh.innerHTML) return false;
    old.replaceWith(document.adoptNode(fresh));
    return true;
  }

  // Says how many devices have come to the head of the list that are not in it yet.
  function tell(page) {
    const news = document.getElementById("news");
    const cursor = new URLSearchParams(location.search).has("cursor");
    if (!news || cursor) return;
    const head = [...page.querySelectorAll("#head li")].map((item) => item.textContent);
    const shown = list()?.children.length ?? 0;
    const limit = document.getElementById("more") ? shown : head.length;
    const fresh = head.slice(0, limit).filter((name) => !row(name));
    const words = fresh.length ? `${fresh.length} more at the top of this list: show` : "";
    if (news.textContent === words) return;
    news.textContent = words;
    news.hidden = !words;
    if (words) said.textContent = words;
  }

  async function look() {
    if (fetching) return;
    const wanted = [...onScreen].filter((name) => stale.has(name)).slice(0, AT_ONCE);
    if (!wanted.length && !numbers) return;
    fetching = true;
    clearTimeout(later);
    numbers = false;
    try {
      const query = asked({ view: main.dataset.view, rows: wanted.join(",") });
      const response = await fetch(`/fleet/rows?${query}`, { credentials: "same-origin", cache: "no-store" });
      if (response.status === 401) {
        location.reload();
        return;
      }
      if (response.ok) take(new DOMParser().parseFromString(await response.text(), "text/html"), wanted);
    } catch {
      // Away for now; the stream says when the manager is back, and then everything is asked for anew.
    }
    setTimeout(() => {
      fetching = false;
      look();
    }, PAUSE);
  }

  function take(page, wanted) {
    // The first device of an empty fleet: there is no list yet.
    if (!list()?.children.length && page.querySelector("#head li") && !document.getElementById("none")) {
      location.reload();
      return;
    }
    for (const fresh of page.querySelectorAll("[data-row]")) put(document.adoptNode(fresh));
    for (const name of wanted) {
      // What was not handed out is no longer there.
      if (stale.delete(name)) row(name)?.classList.add("gone");
    }
    replace("notices", page);
    if (replace("summary", page)) said.textContent = [...document.querySelectorAll("#summary li")].map((part) => part.textContent).join(", ");
    tell(page);
    document.dispatchEvent(new Event("platen-drawn"));
    const again = Number(page.querySelector("main")?.dataset.again);
    if (again) {
      later = setTimeout(() => {
        numbers = true;
        look();
      }, again);
    }
  }

  document.addEventListener("platen-changed", ({ detail: devices }) => {
    numbers = true;
    if (devices) {
      for (const name of devices) if (row(name)) stale.add(name);
    } else {
      for (const element of list()?.children ?? []) stale.add(element.dataset.device);
    }
    look();
  });

  let loading = false;
  async function load(link) {
    if (loading) return;
    loading = true;
    link.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(link.href, { credentials: "same-origin", cache: "no-store" });
      if (!response.ok || response.redirected) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const fresh of page.querySelectorAll("#rows > [data-row]")) {
        if (row(fresh.dataset.device)) continue;
        list().append(document.adoptNode(fresh));
        watch(fresh);
      }
      replace("load-more", page);
      document.dispatchEvent(new Event("platen-drawn"));
    } catch {
      // The link is still there.
    } finally {
      loading = false;
      link.removeAttribute("aria-busy");
    }
    follow();
  }

  const end = new IntersectionObserver(
    (entries) => {
      const link = document.getElementById("more");
      if (link && entries.some((entry) => entry.isIntersecting)) load(link);
    },
    { rootMargin: AHEAD },
  );
  function follow() {
    const link = document.getElementById("more");
    if (!link) return;
    end.disconnect();
    end.observe(link);
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("#more");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    load(link);
  });

  // A choice from a list is shown at once; what is typed, when it is sent. Fields that are empty stay out of the address.
  const form = document.getElementById("filters");
  form?.addEventListener("change", (event) => event.target.matches("select") && form.requestSubmit());
  form?.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
    const search = document.getElementById("q");
    if (!search) return;
    event.preventDefault();
    search.focus();
  });

  // How many are ticked stands where one goes on with them.
  const bulk = document.getElementById("bulk");
  const ask = document.getElementById("bulk-ask");
  function ticks() {
    const count = document.querySelectorAll("input[name=device]:checked").length;
    const all = document.getElementById("bulk-all").checked;
    ask.textContent = all || !count ? "Go on…" : `Go on with ${count}…`;
  }
  if (bulk) {
    document.addEventListener("change", (event) => event.target.matches("input[name=device], #bulk-all") && ticks());
    ticks();
  }

  for (const element of list()?.children ?? []) watch(element);
  follow();
  // What happened between the page and its stream is asked for once the stream says that it listens.
  body.dataset.fleet = "on";
})();
