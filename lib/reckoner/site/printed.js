// Gives the article of a page, its title and its style sheets. Ids and links are those of the whole book.
(prefix) => {
  const article = document.querySelector("article.bd-article");
  const page = (link) => link.pathname.replace(/\.html$/, "").split("/").slice(-2).join("/");
  const at = (page, anchor) => `${page}${anchor}`.replace(/[^\w-]/g, "-");
  const unseen = "script, style, .headerlink, [hidden], details.chart-data";
  for (const each of article.querySelectorAll(unseen)) each.remove();
  for (const each of article.querySelectorAll("details")) each.open = true;
  for (const each of article.querySelectorAll("[src]")) each.setAttribute("src", each.src);
  for (const each of article.querySelectorAll("a[href]")) {
    if (each.protocol !== "file:") continue;
    const number = page(each).startsWith("numbers/") || each.pathname.includes("/numbers/");
    const inside = each.pathname.endsWith(".html") && !number;
    if (inside) each.setAttribute("href", "#" + at(page(each), each.hash));
    else each.removeAttribute("href");
  }
  const ids = new Map();
  for (const each of article.querySelectorAll("[id]")) {
    ids.set(each.id, at(prefix, "#" + each.id));
    each.id = ids.get(each.id);
  }
  for (const each of article.querySelectorAll("svg *"))
    for (const { name, value } of [...each.attributes]) {
      const mended = value.replace(/(url\(#|^#)([^)]+)/, (all, before, id) =>
        ids.has(id) ? before + ids.get(id) : all);
      if (mended !== value) each.setAttribute(name, mended);
    }
  const styles = [...document.querySelectorAll("link[rel=stylesheet]")].map((each) => each.href);
  return [article.innerHTML, article.querySelector("h1").textContent.trim(), styles];
}
