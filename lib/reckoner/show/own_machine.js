/* Measures the reader's machine: a few bytes of WebAssembly read memory in workers, from a folder and without a request.
   What was seen is said in the words, and by the limits, that the page brings. */
(() => {
  "use strict";

  const WAIT = 20000; // milliseconds after which a worker that says nothing is given up
  const AHEAD = 4; // milliseconds from now at which all workers begin
  const MOST_ROWS = 400;
  const STOPPED = new Error("stopped");

  // own_machine.wat in bytes; `python -m reckoner.show.own_machine` writes them here.
  const MODULE = "AGFzbQEAAAABCAFgA39/fwF/AwIBAAUDAQABBxACBm1lbW9yeQIAA3N1bQAACtsBAdgBAgF/CHsDQCAAIQMDQCAEIAP9AAQA/a4BIQQgBSAD/QAEEP2uASEFIAYgA/0ABCD9rgEhBiAHIAP9AAQw/a4BIQcgCCAD/QAEQP2uASEIIAkgA/0ABFD9rgEhCSAKIAP9AARg/a4BIQogCyAD/QAEcP2uASELIANBgAFqIQMgAyABSQ0ACyACQQFrIQIgAg0ACyAEIAX9rgEgBiAH/a4B/a4BIQQgCCAJ/a4BIAogC/2uAf2uASEIIAQgCP2uASEEIAT9GwAgBP0bAWogBP0bAiAE/RsDamoLAEoEbmFtZQIxAQAMAARmcm9tAQJ0bwIGcm91bmRzAwJhdAQBYQUBYgYBYwcBZAgBZQkBZgoBZwsBaAMQAQACAAVyb3VuZAEEcmVhZA==";

  /* Runs in a worker. Each fills an array of its own with ones, so that the sum tells whether every word was read. */
  function work() {
    const PIECE = 4 * 2 ** 20; // bytes between two looks at the clock
    const clock = () => performance.timeOrigin + performance.now();
    let memory, sum;

    function hold(bytes) {
      const missing = bytes - memory.buffer.byteLength;
      if (missing <= 0) return;
      memory.grow(Math.ceil(missing / 65536));
      new Int32Array(memory.buffer).fill(1);
    }

    /* Reads for `span` milliseconds from a moment on: when it began and ended, and how many bytes it read. */
    function read({ bytes, start, span }) {
      const piece = Math.min(bytes, PIECE);
      const rounds = Math.max(1, Math.round(PIECE / bytes));
      let at = 0, total = 0, count = 0, end;
      while (clock() < start);
      const begin = clock();
      do {
        total = (total + sum(at, at + piece, rounds)) | 0;
        count += piece * rounds;
        at = at + piece < bytes ? at + piece : 0;
        end = clock();
      } while (end - begin < span);
      return { begin, end, count, right: total === ((count / 4) | 0) };
    }

    onmessage = async ({ data }) => {
      try {
        if (data.module) {
          const { instance } = await WebAssembly.instantiate(data.module);
          ({ memory, sum } = instance.exports);
          new Int32Array(memory.buffer).fill(1);
          postMessage({});
        } else if (data.start) {
          postMessage(read(data));
        } else {
          hold(data.bytes);
          sum(0, data.bytes, 1);
          postMessage({});
        }
      } catch (error) {
        postMessage({ failed: String(error) });
      }
    };
  }

  class Team {
    constructor(count) {
      this.url = URL.createObjectURL(new Blob([`(${work})()`], { type: "text/javascript" }));
      this.workers = Array.from({ length: count }, () => new Worker(this.url));
      this.closed = new Promise((_, reject) => { this.leave = reject; });
      this.closed.catch(() => {});
    }

    /* One message to each of the first `count` workers; resolves to their answers. */
    ask(count, message) {
      const answers = Promise.all(this.workers.slice(0, count).map((worker) => new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error("a worker does not answer")), WAIT);
        worker.onmessage = ({ data }) => {
          clearTimeout(late);
          resolve(data);
        };
        worker.onerror = ({ message: why }) => {
          clearTimeout(late);
          reject(new Error(why || "a worker could not be started"));
        };
        worker.postMessage(message);
      })));
      return Promise.race([answers, this.closed]);
    }

    /* Bytes per second of some workers together, from the first beginning to the last end; nothing if it failed. */
    async rate(count, bytes, span) {
      const share = bytes / count;
      const held = await this.ask(count, { bytes: share });
      if (held.some(({ failed }) => failed)) return undefined;
      const start = performance.timeOrigin + performance.now() + AHEAD;
      const done = await this.ask(count, { bytes: share, start, span });
      if (!done.every(({ right }) => right)) throw new Error("a sum came out wrong");
      const time = Math.max(...done.map(({ end }) => end)) - Math.min(...done.map(({ begin }) => begin));
      return (1000 * done.reduce((all, { count: each }) => all + each, 0)) / time;
    }

    close() {
      for (const worker of this.workers) worker.terminate();
      this.leave(STOPPED);
      URL.revokeObjectURL(this.url);
    }
  }

  const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  /* The value below which a share of the sorted values lies. */
  function quantile(values, share) {
    const sorted = values.toSorted?.((a, b) => a - b) ?? [...values].sort((a, b) => a - b);
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }

  const sizeOf = (bytes) => (bytes < 2 ** 20 ? `${bytes / 2 ** 10} KiB` : `${bytes / 2 ** 20} MiB`);
  const largest = (rows, value) => rows.reduce((best, row) => (value(row) > value(best) ? row : best));

  class OwnMachine {
    constructor(root, shared) {
      this.root = root;
      Object.assign(this, shared);
      this.data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
      this.plan = this.data.plan;
      this.said = root.querySelector(".own-said");
      this.buildControls();
      this.drawn = Promise.resolve();
      this.openLink();
      addEventListener("hashchange", () => this.openLink());
      new ResizeObserver(() => this.resized()).observe(root);
      root.reckoner = this;
      root.dataset.state ??= "ready";
    }

    buildControls() {
      const { create } = this;
      const button = (label, onclick) => create("button", { type: "button", onclick }, label);
      this.begin = button("Measure on this machine", () => (this.team ? this.stop() : this.measure()));
      this.progress = create("progress", { max: 1, value: 0, "aria-label": "measured so far", hidden: true });
      const copied = (text) => async () => {
        await this.copyText(text());
        told.textContent = "copied";
        setTimeout(() => { told.textContent = ""; }, 2000);
      };
      const told = create("span", { role: "status" });
      this.tools = create("span", { hidden: true },
        button("Copy link", copied(() => this.link())), button("Copy CSV", copied(() => this.csv())), told);
      const box = this.root.querySelector(".own-controls");
      box.append(this.begin, this.progress, this.tools);
      box.hidden = false;
    }

    /* Why nothing can be measured here, if so. */
    missing() {
      if (typeof WebAssembly !== "object") return "This browser runs no WebAssembly here";
      if (typeof Worker !== "function") return "This browser starts no workers here";
      if (!WebAssembly.validate(bytesOf(MODULE))) return "This browser's WebAssembly has no SIMD";
      return "";
    }

    /* What is measured: how many workers share how many bytes. */
    cases() {
      const { alone, shared, most } = this.plan;
      this.cores = navigator.hardwareConcurrency || 1;
      const found = alone.map((bytes) => ({ workers: 1, bytes, rates: [] }));
      for (let workers = 2; workers <= Math.min(this.cores, most); workers *= 2) {
        found.push(...shared.map((bytes) => ({ workers, bytes, rates: [] })));
      }
      return found;
    }

    async measure() {
      const missing = this.missing();
      if (missing) return this.tell(`${missing}, so nothing was measured.`);
      const cases = this.cases();
      this.begin.textContent = "Stop";
      this.progress.hidden = false;
      try {
        this.team = new Team(Math.max(...cases.map(({ workers }) => workers)));
        this.tell("Measuring.");
        const ready = await this.team.ask(Infinity, { module: bytesOf(MODULE) });
        const failed = ready.find((each) => each.failed);
        if (failed) throw new Error(failed.failed);
        await this.repeat(cases);
        this.stop();
        this.show(this.rowsOf(cases), "On your machine");
      } catch (error) {
        this.stop();
        this.tell(error === STOPPED ? "Stopped; nothing was kept." : `Nothing was measured: ${error.message}.`);
      }
    }

    /* Every case once, then every case again: what disturbs a moment disturbs one repeat of some. */
    async repeat(cases) {
      const { repeats, span } = this.plan;
      for (let turn = 0; turn < repeats; turn += 1) {
        for (const [place, each] of cases.entries()) {
          const rate = await this.team.rate(each.workers, each.bytes, span);
          if (rate) each.rates.push(rate);
          this.progress.value = (turn + (place + 1) / cases.length) / repeats;
        }
      }
    }

    rowsOf(cases) {
      const exact = (value) => Number((value / 1e9).toPrecision(4));
      const rows = cases.filter(({ rates }) => rates.length).map(({ workers, bytes, rates }) => ({
        machine: this.data.yours.name, workers, bytes, gb_per_s: exact(quantile(rates, 0.5)),
        low: exact(quantile(rates, 0.25)), high: exact(quantile(rates, 0.75)), repeats: rates.length,
      }));
      if (!rows.some(({ workers }) => workers === 1)) throw new Error("the browser gave no memory");
      return rows;
    }

    stop() {
      this.team?.close();
      this.team = undefined;
      this.begin.textContent = "Measure on this machine";
      this.progress.hidden = true;
      this.progress.value = 0;
    }

    tell(text) {
      this.said.hidden = false;
      this.said.textContent = text;
      this.root.dataset.state = this.team ? "measuring" : "told";
    }

    show(rows, whose) {
      this.rows = rows;
      this.tools.hidden = false;
      this.said.hidden = false;
      this.said.replaceChildren(this.create("strong", {}, `${whose}:`), ` ${this.seen(rows)}`);
      this.draw();
    }

    /* The same as the library says of the stored machines. */
    seen(rows) {
      const { words, limits, rules } = this.data;
      const write = (value, unit) => this.written(value, rules[unit]);
      const alone = rows.filter(({ workers }) => workers === 1);
      const fast = largest(alone, (row) => row.gb_per_s).gb_per_s;
      const slow = largest(alone, (row) => row.bytes).gb_per_s;
      const values = { fast: write(1e9 * fast, "B/s"), slow: write(1e9 * slow, "B/s"), step: write(fast / slow, "ratio") };
      const said = [fast / slow >= limits.step ? "step" : "flat", "alone"];
      const spread = quantile(rows.map(({ low, high, gb_per_s: rate }) => (high - low) / rate), 0.5);
      const together = rows.filter(({ workers }) => workers > 1).flatMap((row) => alone
        .filter(({ bytes }) => bytes === row.bytes)
        .map((one) => ({ ...row, gain: row.gb_per_s / one.gb_per_s, sure: row.low / one.high / row.workers })));
      if (together.length) {
        const best = largest(together, (row) => row.sure);
        said[1] = best.sure > limits.sure && spread <= limits.quiet ? "more" : best.gain / best.workers > limits.sure ? "unsure" : "less";
        Object.assign(values, { size: sizeOf(best.bytes), workers: write(best.workers, "count"), gain: write(best.gain, "ratio") });
      }
      if (spread > limits.quiet) {
        said.push("noisy");
        values.spread = write(spread, "share");
      }
      return said.map((word) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name])).join(" ");
    }

    /* ---- a result as text ---- */

    csv() {
      const { columns } = this.data;
      return [columns, ...this.rows.map((row) => columns.map((name) => row[name]))].map((row) => `${row.join(",")}\n`).join("");
    }

    link() {
      const numbers = this.data.columns.slice(1);
      const rows = this.rows.map((row) => numbers.map((name) => row[name]).join("_")).join("~");
      return `${location.href.split("#")[0]}#${this.root.id}?rows=${rows}`;
    }

    openLink() {
      const [name, query] = location.hash.slice(1).split("?");
      if (name !== this.root.id || !query?.startsWith("rows=")) return;
      const rows = this.read(query.slice(5));
      if (rows) this.show(rows, "In this link");
      else this.tell("The link's figures cannot be read; measure, and copy a new one.");
    }

    /* The rows of a link; nothing if one of them cannot be a measurement. */
    read(text) {
      const names = this.data.columns.slice(1);
      const rows = text.split("~").map((row) => {
        const cells = row.split("_");
        return { machine: this.data.yours.name, ...Object.fromEntries(names.map((each, n) => [each, Number(cells[n] || NaN)])) };
      });
      const fine = (row) =>
        names.every((each) => Number.isFinite(row[each]) && row[each] > 0) && [row.workers, row.bytes, row.repeats].every(Number.isInteger) &&
        row.low <= row.gb_per_s && row.gb_per_s <= row.high;
      return rows.length <= MOST_ROWS && rows.every(fine) && rows.some(({ workers }) => workers === 1) ? rows : undefined;
    }

    /* ---- pictures ---- */

    /* One drawing after the other, so that the last one asked for stays. */
    draw() {
      this.drawn = this.drawn.then(() => this.embed());
      return this.drawn;
    }

    async embed() {
      const embed = await this.loadVega();
      this.root.classList.add("live-drawn");
      this.canvases ??= [...this.root.querySelectorAll(".chart")].map((chart) => {
        const canvas = this.create("div", { class: "live-canvas", role: "img" });
        chart.prepend(canvas);
        return canvas;
      });
      for (const view of this.views ?? []) view.finalize();
      this.views = [];
      this.width = this.canvases[0].clientWidth;
      for (const [place, spec] of Object.values(this.data.specs).entries()) {
        const canvas = this.canvases[place];
        const { view } = await embed(canvas, this.withRows(spec), this.asked);
        this.views.push(view);
        canvas.querySelector("svg").setAttribute("aria-hidden", "true");
        canvas.setAttribute("aria-label", spec.description);
      }
      this.root.dataset.state = "drawn";
    }

    /* A chart with the reader's rows before those of the stored machines, and told apart from them. */
    withRows(spec) {
      const { yours, stored, config, letter } = this.data;
      const { width } = this;
      const kinds = [...new Set([...this.rows, ...stored].map(({ workers }) => workers))].filter((n) => n > 1).sort((a, b) => a - b);
      const layer = spec.layer.map((each) => {
        const encoding = { ...each.encoding };
        for (const [channel, own] of [["color", yours.colour], ["strokeDash", yours.dash]]) {
          const told = encoding[channel];
          if (told?.field !== "machine") continue;
          const { domain, range } = told.scale;
          encoding[channel] = { ...told, scale: { ...told.scale, domain: [yours.name, ...domain], range: [own, ...range] } };
        }
        if (encoding.color?.field === "kind") {
          encoding.color = { ...encoding.color, legend: { ...encoding.color.legend, values: kinds.map((n) => `${n} workers`) } };
        }
        return { ...each, encoding };
      });
      return {
        ...spec, layer, width,
        datasets: { ...spec.datasets, rows: [...this.rows, ...stored] },
        config: { ...config, legend: { ...config.legend, direction: width < 480 ? "vertical" : "horizontal" } },
        title: { text: this.wrapped(spec.title, Math.floor(width / letter)) },
        autosize: { type: "fit", contains: "padding" },
      };
    }

    resized() {
      const width = this.canvases?.[0].clientWidth ?? 0;
      if (width === 0 || width === this.width) return;
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.draw(), 100);
    }
  }

  window.addEventListener("load", () => {
    const { show: written, asked = { actions: false, renderer: "svg", tooltip: false }, ...shared } = window.reckonerShared;
    for (const root of document.querySelectorAll(".own-machine")) new OwnMachine(root, { ...shared, asked, written });
  });
})();
