/* Brings live figures to life: sliders, sentence, link, commands, exports. It holds no formula: what it shows are the
   signals of the chart, whose expressions the book's own functions wrote. */
(() => {
  "use strict";

  const STEPS = 1000;
  const NEAR = 8; // so many steps from the article's value a dragged slider takes it
  const MOST_DECIMALS = 100;
  const UNNAMED = ["count", "ratio", "share"];
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

  /* A text where it is another than the one that stands there, in its place: a text that is put in anew is styled anew,
     with all around it whose style depends on what they hold. */
  function write(node, text) {
    const old = node.firstChild ?? node;
    if (old.nodeType !== Node.TEXT_NODE) node.textContent = text;
    else if (old.data !== text) old.data = text;
  }

  /* Vega writes every clip anew at each move, and the browser lays out and paints again what is clipped, though nothing
     changed. */
  function keepClip(node) {
    node.setAttribute = (name, value) => {
      if (node.getAttribute(name) !== String(value)) SVGElement.prototype.setAttribute.call(node, name, value);
    };
  }

  /* An address as it was meant; one cut in the middle of a sign stays as it is. */
  function unquoted(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  /* Making a format takes longer than using it. A format rounds as the library does: a half away from zero. */
  const formats = new Map();
  function format(value, shape) {
    const key = JSON.stringify(shape);
    if (!formats.has(key)) formats.set(key, new Intl.NumberFormat("en-US", shape));
    return formats.get(key).format(value);
  }

  function fixed(value, decimals) {
    const shape = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    return format(value, shape).replace(/\.0+$/, "").replace("-", "−");
  }

  /* How a reader sees a number: the rules come with the figure, from the library's units. */
  function digitsOf(value, digits) {
    if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "not a number";
    if (value === 0) return "0";
    const decimals = digits - 1 - Number(value.toExponential().split("e")[1]);
    return fixed(value, Math.min(Math.max(0, decimals), MOST_DECIMALS));
  }

  function show(value, rule, digits = 3) {
    value *= rule.factor;
    const one = rule.steps.find(([scale]) => scale === 1) ?? rule.steps.at(-1);
    let [scale, name] = one;
    if (value !== 0 && Number.isFinite(value)) {
      const size = Math.abs(Number(format(value, { maximumSignificantDigits: digits, useGrouping: false })));
      [scale, name] = rule.steps.find(([step]) => size >= step) ?? rule.steps.at(-1);
    }
    value /= scale;
    let text = digitsOf(value, digits);
    if (scale === 1 && Number.isFinite(value)) {
      const size = Math.abs(value);
      if (rule.cents && size >= 0.01) text = fixed(value, size < 1000 ? 2 : 0);
      else if (rule.whole && Number.isInteger(value)) text = digitsOf(value, Math.max(digits, 7));
    }
    return rule.before + text + name + rule.after;
  }
  window.reckonerShow = show;

  /* A slider moves evenly, on a logarithmic scale where the range asks for it. */
  function scaleOf({ track: [low, high], whole }) {
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

  /* What may be typed, in words. */
  function allowed({ whole, low, high, unit }) {
    const written = (value) => format(value, { maximumSignificantDigits: 9 });
    return `a ${whole ? "whole " : ""}number from ${written(low)} to ${written(high)} (${unit})`;
  }

  /* A title in as many lines as fit, as in the static pictures. */
  function wrapped(title, letters) {
    const lines = [""];
    for (const word of title.split(" ")) {
      const line = `${lines.at(-1)} ${word}`.trim();
      if (line.length > letters && lines.at(-1)) lines.push(word);
      else lines[lines.length - 1] = line;
    }
    return lines;
  }

  /* How Vega draws: its expressions become functions without a text that becomes a script, which the page's policy forbids.
     It says what fails, not at each move that a curve which has ended spans nothing. */
  const FAILS = 1;
  const asked = { actions: false, ast: true, defaultStyle: false, expr: window.reckonerExpressions, logLevel: FAILS, renderer: "svg", tooltip: false };

  window.reckonerShared = { asked, create, loadVega, wrapped };

  class Figure {
    constructor(root) {
      this.root = root;
      this.data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
      this.sentence = root.querySelector(".live-sentence");
      this.noticed = create("strong");
      this.sentence.prepend(this.noticed);
      this.state = this.defaults;
      this.controls = {};
      this.buildControls();
      this.buildTools();
      const linked = this.readLink();
      this.linked = linked !== undefined;
      Object.assign(this.state, linked);
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

    get defaults() {
      return Object.fromEntries(this.declared.map((each) => [each.name, each.default]));
    }

    get name() {
      return this.root.id;
    }

    get spec() {
      const compiled = this.data.choices.find((each) => !each.presets);
      return this.data.specs[compiled ? this.state[compiled.name] : ""];
    }

    /* The value to go back to: of a number that follows a choice, the chosen one's. */
    defaultOf(each) {
      return each.follows ? each.follows.values[this.state[each.follows.choice]] : each.default;
    }

    /* A text in which {name} stands for what is chosen there. */
    named(text) {
      return text.replace(/\{(\w+)\}/g, (whole, name) => {
        const choice = this.data.choices.find((each) => each.name === name);
        return choice ? choice.choices[this.state[name]] : whole;
      });
    }

    /* ---- controls ---- */

    buildControls() {
      const box = this.root.querySelector(".live-controls");
      const alone = this.data.sliders.filter((each) => !each.follows);
      for (const each of this.data.choices.filter((each) => !each.presets)) box.append(this.buildChoice(each));
      for (const each of alone) box.append(this.buildSlider(each));
      for (const each of this.data.choices.filter((each) => each.presets)) box.append(this.buildGroup(each));
      box.append(create("button", { type: "button", class: "live-reset", onclick: () => this.reset() }, "All back to the start"));
      box.hidden = false;
    }

    buildChoice(each) {
      const id = `${this.name}-${each.name}`;
      const options = Object.entries(each.choices).map(([key, name]) => create("option", { value: key }, name));
      const input = create("select", { id, onchange: () => this.set({ [each.name]: input.value }) }, ...options);
      this.controls[each.name] = { show: (value) => { input.value = value; } };
      return create("div", { class: "live-control" }, create("label", { for: id }, each.label), input);
    }

    /* A choice with the numbers that follow it. */
    buildGroup(each) {
      const following = this.data.sliders.filter(({ follows }) => follows?.choice === each.name);
      const numbers = create("details", {}, create("summary", {}, "Its numbers: type in your own"));
      numbers.append(...following.map((slider) => this.buildSlider(slider)));
      return create("div", { class: "live-group" }, this.buildChoice(each), numbers);
    }

    buildSlider(each) {
      const id = `${this.name}-${each.name}`;
      const scale = scaleOf(each);
      const origin = each.follows ? "the chosen one's own value" : "the value at the start";
      const back = () => {
        const value = this.defaultOf(each);
        if (value !== undefined) this.set({ [each.name]: value });
      };
      let byKey = false;
      /* Where the slider was put: at the article's value if dragged near it, and by a key always further. */
      const moved = () => {
        let place = Number(range.value);
        const old = this.state[each.name], known = this.defaultOf(each);
        if (!byKey && Math.abs(place - scale.place(known)) <= NEAR) return known;
        const step = Math.sign(place - scale.place(old));
        let value = scale.value(place);
        while (byKey && step && value === old && place > 0 && place < STEPS) value = scale.value(place += step);
        return value;
      };
      const key = (event) => {
        byKey = true;
        if (event.key === "Delete" || event.key === "Backspace") {
          event.preventDefault();
          back();
        }
      };
      const range = create("input", {
        id, type: "range", min: 0, max: STEPS, step: 1, title: each.help,
        oninput: () => this.set({ [each.name]: moved() }),
        onkeydown: key,
        onpointerdown: () => { byKey = false; },
      });
      const typed = create("input", {
        type: "number", class: "live-number", step: "any", min: each.low, max: each.high,
        "aria-label": `${each.label}, typed (${each.unit})`,
        onchange: () => {
          const { value } = typed;
          const accepted = this.accept(each, value);
          this.set({ [each.name]: accepted ?? this.state[each.name] });
          if (accepted === undefined) refused.textContent = `${value || "That"} is not ${allowed(each)}.`;
        },
      });
      const refused = create("p", { class: "live-refused", role: "status" });
      const output = create("output", { for: id });
      const reset = create("button", { type: "button", class: "live-back", "aria-label": `${each.label}: back to ${origin}`, title: `Back to ${origin} (Delete)`, onclick: back }, "↺");
      this.controls[each.name] = {
        show: (value) => {
          const text = show(value * each.factor, each.rule);
          range.value = scale.place(value);
          range.setAttribute("aria-valuetext", text);
          typed.value = value;
          write(refused, "");
          write(output, text);
          write(unit, UNNAMED.includes(each.unit) || text.endsWith(each.unit) ? "" : each.unit);
          const known = this.defaultOf(each);
          reset.style.visibility = known === undefined || value === known ? "hidden" : "visible";
          mark.hidden = known === undefined;
          if (known !== undefined) mark.style.setProperty("--share", scale.place(known) / STEPS);
        },
      };
      const mark = create("span", { class: "live-mark", title: origin });
      const track = create("div", { class: "live-track" }, range, mark);
      const unit = create("span", { class: "live-unit", "aria-hidden": "true" }); // the label says it
      const box = create("span", {}, typed, unit);
      return create("div", { class: "live-control" }, create("label", { for: id }, each.label), output, track, box, reset, refused);
    }

    accept(each, text) {
      if (each.choices) return Object.hasOwn(each.choices, text) ? text : undefined;
      const value = text.trim() === "" ? NaN : Number(text);
      const fits = Number.isFinite(value) && value >= each.low && value <= each.high;
      return fits && (!each.whole || Number.isInteger(value)) ? value : undefined;
    }

    reset() {
      this.set(this.defaults);
    }

    /* ---- state ---- */

    set(changes) {
      this.pending = this.apply(changes);
      return this.pending;
    }

    /* The numbers that come with a change of choice, where the change does not give them. */
    withPresets(changes) {
      const presets = {};
      for (const { name, follows } of this.data.sliders) {
        const value = follows && follows.choice in changes && follows.values[changes[follows.choice]];
        if (value && !(name in changes)) presets[name] = value;
      }
      return { ...presets, ...changes };
    }

    async apply(given) {
      const chosen = this.data.choices.some(({ name }) => name in given && given[name] !== this.state[name]);
      const changes = chosen ? this.withPresets(given) : given;
      Object.assign(this.state, changes);
      this.notice = "";
      this.showControls(changes);
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

    showControls(changes = this.state) {
      const choice = this.data.choices.some(({ name }) => name in changes);
      for (const each of this.declared) {
        if (choice || each.name in changes) this.controls[each.name].show(this.state[each.name]);
      }
      if (!choice) return;
      for (const item of this.root.querySelectorAll("[data-chosen]")) {
        const [name, key] = item.dataset.chosen.split("=");
        item.hidden = this.state[name] !== key;
      }
    }

    showState() {
      if (this.view) this.showSentence();
      write(this.noticed, this.notice ? `${this.notice} ` : "");
      if (this.folded.open) this.showCommands();
    }

    showSentence() {
      this.numbers ??= this.buildSentence();
      for (const { name, tail, link, after } of this.numbers) {
        const [number, rest] = this.said(name, tail);
        write(link, number);
        write(after, rest);
      }
    }

    /* The sentence with its numbers left open, each with what follows it. */
    buildSentence() {
      const page = `../book/numbers/${this.data.chapter}.html`;
      const parts = this.data.sentence.split(/\{(\w+)([^}]*)\}/); // words, the name of a number, what goes with it
      const numbers = [];
      this.sentence.replaceChildren(this.noticed, parts[0]);
      for (let i = 1; i < parts.length; i += 3) {
        const [name, tail, words] = parts.slice(i, i + 3);
        const link = create("a", { class: "number", href: `${page}#${name}` }), after = document.createTextNode("");
        numbers.push({ name, tail, link, after });
        this.sentence.append(link, after, words);
      }
      return numbers;
    }

    /* A number in the sentence and what follows it: things so counted, or one of two words for a ratio. */
    said(name, tail) {
      if (tail.startsWith(":")) {
        const ratio = this.view.signal(`r_${name}`), less = ratio > 0 && ratio < 1;
        return [show(less ? 1 / ratio : ratio, this.data.results[name]), ` ${tail.slice(1).split("|")[Number(less)]}`];
      }
      const text = this.word(name);
      return [text, text === "1" ? tail.replace(/s$/, "") : tail];
    }

    /* A result, a parameter or a choice as a reader sees it. */
    word(name) {
      const { results, sliders, choices } = this.data;
      if (name in results) return show(this.view.signal(`r_${name}`), results[name]);
      const slider = sliders.find((each) => each.name === name);
      if (slider) return show(this.state[name] * slider.factor, slider.rule);
      return choices.find((each) => each.name === name).choices[this.state[name]];
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
      const width = this.width = this.canvas.clientWidth;
      const params = this.spec.params.map((each) =>
        each.name in this.state ? { ...each, value: this.state[each.name] } : each,
      );
      const narrow = width < 480;
      const config = { ...this.data.config, legend: { ...this.data.config.legend, direction: narrow ? "vertical" : "horizontal" } };
      const named = JSON.parse(this.named(JSON.stringify(this.spec)));
      const title = { text: wrapped(named.title, Math.floor(width / this.data.letter)) };
      const spec = { ...named, params, config, width, title, autosize: { type: "fit", contains: "padding" } };
      const result = await embed(this.canvas, spec, asked);
      this.view?.finalize();
      this.view = result.view;
      this.canvas.querySelector("svg").setAttribute("aria-hidden", "true"); // one label for all of it
      this.canvas.querySelectorAll("defs *").forEach(keepClip);
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", this.spec.description);
      this.watch ??= this.watchWidth();
    }

    watchWidth() {
      let timer;
      const observer = new ResizeObserver(() => {
        const width = this.canvas.clientWidth;
        if (width === 0 || width === this.width) return;
        clearTimeout(timer);
        timer = setTimeout(() => this.embed(), 100);
      });
      observer.observe(this.canvas);
      return observer;
    }

    /* ---- link ---- */

    changed() {
      return this.declared.filter((each) => this.state[each.name] !== this.defaultOf(each));
    }

    get link() {
      const query = this.changed().map((each) => `${each.name}=${encodeURIComponent(this.state[each.name])}`);
      return query.length ? `#${this.name}?${query.join("&")}` : `#${this.name}`;
    }

    writeLink() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => history.replaceState(null, "", this.link), 150);
    }

    /* The state that the page's address names, or none where it is not of this figure. */
    readLink() {
      const [target, query] = unquoted(location.hash.slice(1)).split(/\?(.*)/s);
      if (target !== this.name) return undefined;
      const wrong = [];
      const read = {};
      for (const part of (query ?? "").split("&").filter(Boolean)) {
        const [name, text = ""] = part.split("=");
        const each = this.declared.find((declared) => declared.name === name);
        const value = each && this.accept(each, text);
        if (value === undefined) wrong.push(part);
        else read[name] = value;
      }
      for (const { name, follows } of this.data.sliders) {
        const key = follows && read[follows.choice];
        if (key && follows.values[key] === undefined && !(name in read)) wrong.push(`${follows.choice}=${key} without ${name}`);
      }
      this.notice = wrong.length ? `This link says ${wrong.join(", ")}, which this figure does not know: it shows the values of the start.` : "";
      return wrong.length ? this.defaults : { ...this.defaults, ...this.withPresets(read) };
    }

    /* A link followed on the page that is open already. */
    async follow() {
      const linked = this.readLink();
      if (!linked) return;
      const { notice } = this;
      await this.set(linked);
      this.notice = notice;
      this.showState();
      this.root.scrollIntoView();
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
        this.folded = create("details", { ontoggle: () => this.showCommands() },
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
      const rows = this.view.data("curve");
      const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
      const head = [this.data.across, ...this.data.curves.map(({ label }) => `${this.named(label)}: ${this.data.unit}`)];
      return [head.map(quoted), ...rows.map((row) => names.map((name) => row[name]))].map((row) => row.join(",")).join("\r\n") + "\r\n";
    }

    /* The picture with the theme's colours written out. */
    async svg() {
      await this.draw();
      const style = getComputedStyle(this.root);
      const colour = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
      let text = await this.view.toSVG();
      const innermost = /var\((--[\w-]+),\s*([^()]+)\)/g;
      while (innermost.test(text)) text = text.replace(innermost, (_, name, fallback) => colour(name, fallback));
      return text;
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

  Object.assign(window.reckonerShared, { copyText, show });

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
    window.addEventListener("hashchange", () => figures.forEach((figure) => figure.follow()));
  }

  /* The static pictures are painted first. */
  const soon = () => requestAnimationFrame(() => setTimeout(start));
  if (document.readyState === "complete") soon();
  else window.addEventListener("load", soon);
})();
