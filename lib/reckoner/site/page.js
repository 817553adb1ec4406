/* What the theme writes into its pages as scripts and handlers of their own, which the pages' policy refuses. Runs before
   anything is painted: a page shows the reader's mode, or the system's, from the start. A formula wider than its box can
   be moved with the keyboard. */
(() => {
  "use strict";

  const page = document.documentElement.dataset;
  page.mode = localStorage.getItem("mode") || "auto";
  page.theme = localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

  document.addEventListener("click", ({ target }) => {
    if (target.closest(".btn-download-pdf-button")) print();
    if (target.closest(".btn-fullscreen-button")) toggleFullScreen();
  });

  function reachFormulas() {
    for (const box of document.querySelectorAll("div.math > .formula")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }
  addEventListener("load", reachFormulas);
  addEventListener("resize", reachFormulas);

  document.addEventListener("DOMContentLoaded", () => {
    const searching = document.querySelector("script[src$='searchindex.js']");
    if (searching) document.querySelector("main form.bd-search input")?.focus();
  });
})();
