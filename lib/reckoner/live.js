/* Brings live figures to life: sliders, sentence, link, commands, exports. It holds no formula: what it shows are the
   signals of the chart, whose expressions the book's own functions wrote. */
(() => {
  "use strict";

  const STEPS = 1000;
  const script = document.currentScript.src;
  const vega = script.replace(/live\.js.*$/, "vega.js");
  let runtime;

  function loadVega() {
    runtime ??= new Promise((resolve, reject) => {
      performance.mark("live:script");
      const tag = document.createElement("script");
      tag.src = vega;
      tag.onload = () => resolve(window.reckonerEmbed);
      tag.onerror = () => reject(new Error(`could not load ${vega}`));
      document.head.append(tag);
    });
    return runtime;
  }

  function create(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value === true) element.setAttribute(key, "");
      else if (value !== false && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  }

  /* How a reader sees a number: the rules come with the figure, from the library's units. */
  function digitsOf(value, digits) {
    if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "not a number";
    if (value === 0) return "0";
    const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
    const shape = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    let text = value.toLocaleString("en-US", shape);
    if (/\.0+$/.test(text)) text = text.replace(/\.0+$/, "");
    return text.replace("-", "−");
  }

  function show(value, rule, digits = 3) {
    value *= rule.factor;
    const one = rule.steps.find(([scale]) => scale === 1) ?? rule.steps.at(-1);
    let [scale, name] = one;
    if (value !== 0 && Number.isFinite(value)) {
      const size = Math.abs(Number(value.toExponential(digits - 1)));
      [scale, name] = rule.steps.find(([step]) => size >= step) ?? rule.steps.at(-1);
    }
    value /= scale;
    let text = digitsOf(value, digits);
    if (scale === 1 && Number.isFinite(value)) {
      const size = Math.abs(value);
      const cents = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
      if (rule.cents && size >= 0.01 && size < 1000) {
        text = value.toLocaleString("en-US", cents).replace(/\.00$/, "");
      } else if (rule.cents && size >= 1000) text = digitsOf(Math.round(value), digits);
      else if (rule.whole && Number.isInteger(value)) text = digitsOf(value, Math.max(digits, 7));
    }
    return rule.before + text + name + rule.after;
  }

  /* A slider moves evenly, on a logarithmic scale where the range asks for it. */
  function scaleOf({ low, high, whole }) {
    const logarithmic = low > 0 && high / low >= 50;
    const round = (value) => (whole ? Math.round(value) : Number(value.toPrecision(3)));
    return {
      place: (value) =>
        Math.round(
          STEPS * (logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)),
        ),
      value: (place) => {
        const share = place / STEPS;
        if (share <= 0) return low;
        if (share >= 1) return high;
        return round(logarithmic ? low * (high / low) ** share : low + (high - low) * share);
      },
    };
  }

  class Figure {
    constructor(root) {
      this.root = root;
      this.data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
      this.sentence = root.querySelector(".live-sentence");
      this.state = Object.fromEntries(this.declared.map((each) => [each.name, each.default]));
      this.controls = {};
      this.buildControls();
      this.buildTools();
      this.readLink();
      this.showControls();
      this.showState();
      root.reckoner = {
        set: (state) => this.set(state),
        values: () => this.values(),
        state: this.state,
        ready: () => this.draw(),
        idle: () => this.pending,
      };
    }

    get declared() {
      return [...this.data.sliders, ...this.data.choices];
    }

    get name() {
      return this.root.id;
    }

    get spec() {
      const [choice] = this.data.choices;
      return this.data.specs[choice ? this.state[choice.name] : ""];
    }

    /* ---- controls ---- */

    buildControls() {
      const box = this.root.querySelector(".live-controls");
      for (const each of this.data.choices) box.append(this.buildChoice(each));
      for (const each of this.data.sliders) box.append(this.buildSlider(each));
      box.append(create("button", { type: "button", class: "live-reset", onclick: () => this.reset() }, "All back to the article's values"));
      box.hidden = false;
    }

    buildChoice(each) {
      const id = `${this.name}-${each.name}`;
      const options = Object.entries(each.choices).map(([key, name]) => create("option", { value: key }, name));
      const input = create("select", { id, onchange: () => this.set({ [each.name]: input.value }) }, ...options);
      this.controls[each.name] = { show: (value) => { input.value = value; } };
      return create("div", { class: "live-control" }, create("label", { for: id }, each.label), input);
    }

    buildSlider(each) {
      const id = `${this.name}-${each.name}`;
      const scale = scaleOf(each);
      const back = () => this.set({ [each.name]: each.default });
      const key = (event) => {
        if (event.key === "Delete" || event.key === "Backspace") {
          event.preventDefault();
          back();
        }
      };
      const range = create("input", {
        id, type: "range", min: 0, max: STEPS, step: 1, title: each.help,
        oninput: () => this.set({ [each.name]: scale.value(Number(range.value)) }),
        onkeydown: key,
      });
      const typed = create("input", {
        type: "number", class: "live-number", step: "any", min: each.low, max: each.high,
        "aria-label": `${each.label}, typed (${each.unit})`,
        onchange: () => this.set({ [each.name]: this.accept(each, typed.value) ?? this.state[each.name] }),
      });
      const output = create("output", { for: id });
      const reset = create("button", { type: "button", class: "live-back", "aria-label": `${each.label}: back to the article's value`, title: "Back to the article's value (Delete)", onclick: back }, "↺");
      this.controls[each.name] = {
        show: (value) => {
          const text = show(value * each.factor, each.rule);
          range.value = scale.place(value);
          range.setAttribute("aria-valuetext", text);
          typed.value = value;
          output.textContent = text;
          reset.style.visibility = value === each.default ? "hidden" : "visible";
        },
      };
      const share = scale.place(each.default) / STEPS;
      const mark = create("span", { class: "live-mark", style: `--share: ${share}`, title: "the article's value" });
      const track = create("div", { class: "live-track" }, range, mark);
      return create("div", { class: "live-control" }, create("label", { for: id }, each.label), output, track, typed, reset);
    }

    accept(each, text) {
      if (each.choices) return Object.hasOwn(each.choices, text) ? text : undefined;
      const value = text.trim() === "" ? NaN : Number(text);
      const fits = Number.isFinite(value) && value >= each.low && value <= each.high;
      return fits && (!each.whole || Number.isInteger(value)) ? value : undefined;
    }

    reset() {
      this.set(Object.fromEntries(this.declared.map((each) => [each.name, each.default])));
    }

    /* ---- state ---- */

    set(changes) {
      this.pending = this.apply(changes);
      return this.pending;
    }

    async apply(changes) {
      const chosen = this.data.choices.some(({ name }) => name in changes && changes[name] !== this.state[name]);
      Object.assign(this.state, changes);
      this.notice = "";
      this.showControls();
      const view = await this.draw();
      if (chosen) await this.embed();
      else {
        for (const [name, value] of Object.entries(changes)) {
          if (this.data.sliders.some((each) => each.name === name)) view.signal(name, value);
        }
        await view.runAsync();
      }
      this.showState();
      this.writeLink();
    }

    values() {
      const view = this.view;
      return Object.fromEntries(Object.keys(this.data.results).map((name) => [name, view.signal(`r_${name}`)]));
    }

    showControls() {
      for (const each of this.declared) this.controls[each.name].show(this.state[each.name]);
    }

    showState() {
      if (this.view) {
        const values = this.values();
        const words = {};
        for (const [name, rule] of Object.entries(this.data.results)) words[name] = show(values[name], rule);
        for (const each of this.data.sliders) words[each.name] = show(this.state[each.name] * each.factor, each.rule);
        for (const each of this.data.choices) words[each.name] = each.choices[this.state[each.name]];
        this.sentence.textContent = this.data.sentence.replace(/\{(\w+)\}/g, (_, name) => words[name]);
      }
      if (this.notice) this.sentence.prepend(create("strong", {}, `${this.notice} `));
      this.showCommands();
    }

    /* ---- chart ---- */

    draw() {
      this.drawn ??= this.embed();
      return this.drawn.then(() => this.view);
    }

    async embed() {
      const embed = await loadVega();
      const chart = this.root.querySelector(".chart");
      if (!this.canvas) {
        this.canvas = create("div", { class: "live-canvas" });
        chart.prepend(this.canvas);
      }
      this.root.classList.add("live-drawn");
      const width = this.canvas.clientWidth;
      const params = this.spec.params.map((each) =>
        each.name in this.state ? { ...each, value: this.state[each.name] } : each,
      );
      const narrow = width < 480;
      const config = { ...this.data.config, legend: { ...this.data.config.legend, direction: narrow ? "vertical" : "horizontal" } };
      const title = { text: this.spec.title, limit: width };
      const spec = { ...this.spec, params, config, width, title, autosize: { type: "fit", contains: "padding" } };
      const result = await embed(this.canvas, spec, { actions: false, renderer: "svg", tooltip: false });
      this.view?.finalize();
      this.view = result.view;
      this.canvas.querySelector("svg").setAttribute("aria-hidden", "true"); // one label for all of it
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", this.spec.description);
      this.watch ??= this.watchWidth();
    }

    watchWidth() {
      const observer = new ResizeObserver(() => {
        const width = this.canvas.clientWidth;
        if (width > 0 && Math.abs(width - this.view.width()) > 8) this.view.width(width).runAsync();
      });
      observer.observe(this.canvas);
      return observer;
    }

    /* ---- link ---- */

    changed() {
      return this.declared.filter((each) => this.state[each.name] !== each.default);
    }

    get link() {
      const query = this.changed().map((each) => `${each.name}=${encodeURIComponent(this.state[each.name])}`);
      return query.length ? `#${this.name}?${query.join("&")}` : `#${this.name}`;
    }

    writeLink() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => history.replaceState(null, "", this.link), 150);
    }

    readLink() {
      const [target, query] = decodeURIComponent(location.hash.slice(1)).split(/\?(.*)/s);
      if (target !== this.name) return;
      const wrong = [];
      const read = {};
      for (const part of (query ?? "").split("&").filter(Boolean)) {
        const [name, text = ""] = part.split("=");
        const each = this.declared.find((declared) => declared.name === name);
        const value = each && this.accept(each, text);
        if (value === undefined) wrong.push(part);
        else read[name] = value;
      }
      if (wrong.length) this.notice = `This link says ${wrong.join(", ")}, which this figure does not know: it shows the article's values.`;
      else Object.assign(this.state, read);
      this.linked = true;
    }

    /* ---- tools ---- */

    buildTools() {
      const box = this.root.querySelector(".live-tools");
      const button = (label, action) => create("button", { type: "button", onclick: action }, label);
      const command = create("pre", { tabindex: 0 });
      const yaml = create("pre", { tabindex: 0 });
      this.commands = { command, yaml };
      const said = create("span", { class: "live-said", role: "status" });
      const copy = (text) => async () => {
        await copyText(text());
        said.textContent = "copied";
        setTimeout(() => { said.textContent = ""; }, 2000);
      };
      box.append(
        button("Copy link", copy(() => location.href.split("#")[0] + this.link)),
        button("CSV", () => this.save("csv", "text/csv", async () => this.csv())),
        button("SVG", () => this.save("svg", "image/svg+xml", () => this.svg())),
        button("PNG", () => this.save("png", "image/png", () => this.png())),
        said,
        create("details", {},
          create("summary", {}, "Run this yourself"),
          create("p", {}, "In the book's folder, after "), command,
          button("Copy command", copy(() => command.textContent)),
          create("p", {}, "The same as a file of parameters, for papermill -f:"), yaml,
          button("Copy YAML", copy(() => yaml.textContent)),
        ),
      );
      box.querySelector("details p").append(create("code", {}, "make book"), ":");
      box.hidden = false;
    }

    showCommands() {
      const { chapter } = this.data;
      const values = this.changed().map(({ name }) => [name, this.state[name]]);
      const given = values.map(([name, value]) => ` -p ${name} ${value}`).join("");
      this.commands.command.textContent = `.venv/bin/papermill notebooks/${chapter}.ipynb mine.ipynb${given}`;
      this.commands.yaml.textContent =
        this.declared.map(({ name }) => `${name}: ${this.state[name]}`).join("\n") + "\n";
    }

    async csv() {
      await this.draw();
      const names = [this.data.across, ...this.data.curves.map(({ result }) => `y_${result}`)];
      const rows = this.view.data("data_0"); // what Vega-Lite calls the named data once transformed
      const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
      const head = [this.data.across, ...this.data.curves.map(({ label }) => `${label}: ${this.data.unit}`)];
      return [head.map(quoted), ...rows.map((row) => names.map((name) => row[name]))].map((row) => row.join(",")).join("\r\n") + "\r\n";
    }

    /* The picture with the theme's colours written out. */
    async svg() {
      await this.draw();
      const style = getComputedStyle(this.root);
      const text = await this.view.toSVG();
      return text.replace(/var\((--[\w-]+),\s*([^)]+)\)/g, (_, name, fallback) => style.getPropertyValue(name).trim() || fallback);
    }

    async png() {
      const svg = await this.svg();
      const image = new Image();
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
      await image.decode();
      const canvas = create("canvas", { width: 2 * image.width, height: 2 * image.height });
      const context = canvas.getContext("2d");
      context.fillStyle = getComputedStyle(document.body).backgroundColor;
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    }

    async save(ending, type, make) {
      const made = await make();
      const url = URL.createObjectURL(made instanceof Blob ? made : new Blob([made], { type }));
      create("a", { href: url, download: `${this.data.chapter}.${ending}` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    }
  }

  async function copyText(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = create("textarea", { class: "live-copy" });
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  function start() {
    const figures = [...document.querySelectorAll(".live")].map((root) => new Figure(root));
    const near = new IntersectionObserver((entries) => {
      for (const entry of entries.filter((each) => each.isIntersecting)) {
        near.unobserve(entry.target);
        const figure = figures.find(({ root }) => root === entry.target);
        figure.draw().then(() => figure.showState());
      }
    }, { rootMargin: "300px" });
    for (const figure of figures) {
      near.observe(figure.root);
      if (figure.linked) figure.root.scrollIntoView();
    }
  }

  /* The static pictures are painted first. */
  const soon = () => requestAnimationFrame(() => setTimeout(start));
  if (document.readyState === "complete") soon();
  else window.addEventListener("load", soon);
})();
