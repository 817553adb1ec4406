/* Finds entries of a long reference page as one types, and opens the one that a link leads to. */
(() => {
  "use strict";

  const NUMBER = /^-?[\d,]*\.?\d+$/;
  const plain = (text) => text.toLowerCase().replace(/(\d),(?=\d{3})/g, "$1");

  class Entry {
    constructor(fold) {
      this.fold = fold;
      const section = fold.closest("section");
      this.root = section.querySelectorAll("details.entry").length === 1 ? section : fold;
      this.text = plain(this.root.textContent);
      this.numbers = [...this.text.matchAll(/\d+(?:\.\d+)?/g)].map(([digits]) => Number(digits));
    }

    holds(word) {
      if (this.text.includes(word)) return true;
      if (!NUMBER.test(word)) return false;
      const half = 0.5 * 10 ** -(word.split(".")[1] || "").length;
      return this.numbers.some((number) => Math.abs(number - Number(word)) <= half);
    }

    show(words) {
      const found = words.every((word) => this.holds(word));
      this.root.hidden = !found;
      return found;
    }
  }

  function start(box) {
    const entries = [...document.querySelectorAll("details.entry")].map((fold) => new Entry(fold));
    const field = box.querySelector("input");
    const said = box.querySelector("output");
    box.hidden = false;
    document.documentElement.classList.add("finds");
    field.addEventListener("input", () => {
      const words = plain(field.value).split(/\s+/).filter(Boolean);
      const found = entries.filter((entry) => entry.show(words));
      for (const entry of entries) entry.fold.open = words.length > 0 && found.length <= 3 && found.includes(entry);
      said.textContent = words.length ? `${found.length} of ${entries.length}` : "";
    });
  }

  /* What a link names; nothing where it is broken. */
  function named() {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return "";
    }
  }

  function openTarget() {
    const target = document.getElementById(named());
    if (!target) return;
    const own = target.closest("section")?.querySelectorAll(":scope > details");
    const closed = [target.closest("details"), own?.length === 1 && own[0]].filter((fold) => fold && !fold.open);
    for (const fold of closed) fold.open = true;
    if (closed.length) target.scrollIntoView();
  }

  const box = document.querySelector(".find");
  if (box) start(box);
  openTarget();
  addEventListener("hashchange", openTarget);
})();
