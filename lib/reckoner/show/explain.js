/* Opens where a number comes from, in place: its formula, the numbers in it, what went in, each in turn. What it shows
   was written when the book was built; a link to the same page of numbers stands where this script does not run. */
(() => {
  "use strict";

  const base = document.currentScript.src.replace(/explain\.js.*$/, "numbers/");
  const chapters = new Map(); // explanations by chapter, as they arrive
  let panel, back, body, opener;
  let trail = [];

  /* Called by the script of a chapter's numbers. */
  window.reckonerNumbers = (chapter, found) => chapters.set(chapter, new Map(Object.entries(found)));

  function load(chapter) {
    if (chapters.has(chapter)) return Promise.resolve(chapters.get(chapter));
    return new Promise((resolve, reject) => {
      const tag = document.createElement("script");
      tag.src = `${base}${chapter}.js`;
      tag.onload = () => resolve(chapters.get(chapter));
      tag.onerror = reject;
      document.head.append(tag);
    });
  }

  /* The number that a link is about: its chapter and its name there. */
  function named(link) {
    const found = /([\w-]+)\.html#(.+)$/.exec(link.href);
    return found && { chapter: found[1], name: decodeURIComponent(found[2]) };
  }

  function button(text, label, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", action);
    return made;
  }

  function build() {
    panel = document.createElement("div");
    panel.className = "explain-panel";
    panel.setAttribute("role", "dialog");
    panel.setAttribute("aria-label", "Where this number comes from");
    panel.tabIndex = -1;
    const head = document.createElement("div");
    head.className = "explain-head";
    back = button("←", "Back to the number before", () => step(-1));
    const title = document.createElement("span");
    title.textContent = "Where this number comes from";
    head.append(back, title, button("×", "Close", close));
    body = document.createElement("div");
    body.className = "explain-body";
    panel.append(head, body);
    panel.hidden = true;
    document.body.append(panel);
  }

  async function show(number) {
    const found = (await load(number.chapter))?.get(number.name);
    if (!found) return false;
    trail.push(number);
    draw(found);
    return true;
  }

  function step(by) {
    if (trail.length < 1 - by) return;
    trail.splice(by);
    const number = trail.at(-1);
    draw(chapters.get(number.chapter).get(number.name));
  }

  function draw(fragment) {
    if (!panel) build();
    const { chapter } = trail.at(-1);
    const parsed = new DOMParser().parseFromString(fragment, "text/html").body.firstElementChild;
    parsed.removeAttribute("id");
    for (const link of parsed.querySelectorAll("a[href]")) relate(link, chapter);
    body.replaceChildren(document.adoptNode(parsed));
    if (opener?.closest(".live")) body.prepend("With the values at which this figure starts:");
    body.scrollTop = 0;
    back.hidden = trail.length < 2;
    panel.hidden = false;
    place();
    panel.focus({ preventScroll: true });
  }

  /* Addresses in an explanation are meant from the page of numbers; here they start elsewhere. */
  function relate(link, chapter) {
    const href = link.getAttribute("href");
    if (/^https?:/.test(href)) return;
    link.href = new URL(href, new URL(`../../book/numbers/${chapter}.html`, base)).href;
  }

  /* Beside the number where there is room; on a phone the sheet at the bottom that the style makes. */
  function place() {
    if (!opener || matchMedia("(max-width: 599.98px)").matches) {
      panel.removeAttribute("style");
      return;
    }
    const at = opener.getBoundingClientRect();
    const width = Math.min(460, innerWidth - 32);
    const left = Math.max(16, Math.min(at.left, innerWidth - width - 16));
    const below = innerHeight - at.bottom > at.top;
    const room = Math.max(180, (below ? innerHeight - at.bottom : at.top) - 28);
    Object.assign(panel.style, {
      width: `${width}px`,
      left: `${left}px`,
      maxHeight: `${room}px`,
      top: below ? `${at.bottom + 8}px` : "auto",
      bottom: below ? "auto" : `${innerHeight - at.top + 8}px`,
    });
  }

  function close() {
    if (!panel || panel.hidden) return;
    panel.hidden = true;
    trail = [];
    opener?.focus({ preventScroll: true });
    opener = null;
  }

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a.number");
    if (!link) {
      if (panel && !panel.contains(event.target)) close();
      return;
    }
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const inside = panel?.contains(link);
    const number = named(link);
    if (!number) return;
    event.preventDefault();
    if (!inside) {
      trail = [];
      opener = link;
    }
    try {
      if (!(await show(number))) location.href = link.href;
    } catch {
      location.href = link.href;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !panel || panel.hidden) return;
    event.stopPropagation();
    close();
  });

  addEventListener("resize", () => panel && !panel.hidden && place());
})();
