/* What the theme writes into its pages as scripts and handlers of their own, which the pages' policy refuses. Runs before
   anything is painted: a page shows the reader's mode, or the system's, from the start. */
(() => {
  "use strict";

  const page = document.documentElement.dataset;
  page.mode = localStorage.getItem("mode") || "auto";
  page.theme = localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

  document.addEventListener("click", ({ target }) => {
    if (target.closest(".btn-download-pdf-button")) print();
    if (target.closest(".btn-fullscreen-button")) toggleFullScreen();
  });

  document.addEventListener("DOMContentLoaded", () => {
    const searching = document.querySelector("script[src$='searchindex.js']");
    if (searching) document.querySelector("main form.bd-search input")?.focus();
  });
})();
