"use strict";
// What every page has: what cannot be undone asks first, in a dialog; and moments and numbers are in the reader's own zone
// and form. Without script a question is a <details> with a second button, and moments are in UTC.
(() => {
  // The question takes what is in the <details> while it is open, so that there is one form and not two.
  function ask(details, summary) {
    const dialog = document.createElement("dialog");
    const title = document.createElement("h2");
    const asked = document.createElement("div");
    const no = document.createElement("button");
    title.id = "asking-title";
    title.textContent = summary.dataset.title ?? summary.textContent.trim().replace(/…$/, "?");
    asked.append(...[...details.childNodes].filter((node) => node !== summary));
    [no.type, no.className, no.id, no.textContent] = ["button", "quiet", "asking-no", "No, leave it as it is"];
    // The browser tells of the end of a dialog with its next frame, which a page in the background has not.
    no.addEventListener("click", () => {
      dialog.close();
      dialog.dispatchEvent(new Event("close"));
    });
    dialog.className = "asking";
    dialog.setAttribute("aria-labelledby", title.id);
    dialog.append(title, asked, no);
    details.dataset.asking = "";
    const closed = () => {
      dialog.removeEventListener("close", closed);
      details.append(...asked.childNodes);
      delete details.dataset.asking;
      dialog.remove();
      (summary.isConnected ? summary : document.getElementById("main"))?.focus({ preventScroll: true });
    };
    dialog.addEventListener("close", closed);
    document.body.append(dialog);
    dialog.showModal();
    // A key that is pressed once more does nothing.
    (asked.querySelector("input:not([type=hidden]), textarea") ?? no).focus();
  }

  document.addEventListener("click", (event) => {
    const summary = event.target.closest("details[data-ask] > summary");
    if (!summary || !("HTMLDialogElement" in globalThis)) return;
    event.preventDefault();
    ask(summary.parentElement, summary);
  });

  // The zone and the form of the browser, unless somebody chose others here (they are kept in this browser).
  const CHOICE = "platen-form";
  function chosen() {
    try {
      return JSON.parse(localStorage.getItem(CHOICE)) ?? {};
    } catch {
      return {};
    }
  }

  function formats() {
    const { zone, hours, decimal } = chosen();
    const language = navigator.languages?.[0] ?? "en";
    const clock = hours === "12" ? { hour12: true } : hours === "24" ? { hourCycle: "h23" } : {};
    const make = (more) => new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { timeZone: zone || undefined, ...more });
    const day = { day: "2-digit", month: "short", year: "numeric" };
    const comma = decimal ?? new Intl.NumberFormat(language).formatToParts(1.5).find((part) => part.type === "decimal").value;
    return {
      moment: make({ ...day, hour: "2-digit", minute: "2-digit", ...clock, timeZoneName: "short" }),
      day: make(day),
      comma,
    };
  }

  let form = formats();
  function localise() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      if (time.localised === time.dateTime + time.title) continue;
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const words = form.moment.format(at);
      if (time.dataset.age === undefined) time.textContent = time.dataset.only === "day" ? form.day.format(at) : words;
      else time.title = words;
      time.localised = time.dateTime + time.title;
    }
    for (const number of document.querySelectorAll("data[value]")) {
      const words = number.textContent.replace(/(\d)[.,](\d)/, `$1${form.comma}$2`);
      if (words !== number.textContent) number.textContent = words;
    }
  }

  // The choice itself, where a page offers it.
  const choice = document.getElementById("form-of-times");
  if (choice) {
    choice.hidden = false;
    const zones = choice.elements.namedItem("zone");
    for (const zone of Intl.supportedValuesOf?.("timeZone") ?? []) zones.append(new Option(zone, zone));
    for (const [name, value] of Object.entries(chosen())) {
      const field = choice.elements.namedItem(name);
      if (field) field.value = value;
    }
    choice.addEventListener("change", () => {
      const all = Object.fromEntries([...new FormData(choice)].filter(([, value]) => value));
      localStorage.setItem(CHOICE, JSON.stringify(all));
      form = formats();
      for (const time of document.querySelectorAll("time[datetime]")) time.localised = undefined;
      localise();
    });
  }

  document.addEventListener("platen-drawn", localise);
  localise();
})();
