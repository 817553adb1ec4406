/* Brings stepped figures to life: a slider over answers that were computed when the page was made. */
(() => {
  "use strict";

  class Stepped {
    constructor(root, { asked, create, loadVega, wrapped }) {
      Object.assign(this, { root, asked, create, loadVega, wrapped });
      this.data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
      this.said = root.querySelector(".stepped-answer");
      Object.assign(this, this.linked());
      this.buildControls();
      this.show();
      addEventListener("hashchange", () => this.named && this.move(this.linked()));
      root.reckoner = { ready: () => this.draw() };
    }

    get steps() {
      return this.data.scenes[this.scene].steps;
    }

    get step() {
      return this.steps[this.place];
    }

    buildControls() {
      const { create, root } = this;
      const id = `${root.id}-at`;
      this.range = create("input", {
        id, type: "range", min: 0, max: this.steps.length - 1, step: 1, value: this.place,
        oninput: () => this.move({ place: Number(this.range.value) }),
      });
      this.output = create("output", { for: id });
      const options = Object.entries(this.data.scenes).map(([key, { label }]) => create("option", { value: key }, label));
      this.select = create("select", {
        id: `${root.id}-scene`, onchange: () => this.move({ scene: this.select.value }),
      }, ...options);
      const box = root.querySelector(".stepped-controls");
      box.append(create("label", { for: id }, this.data.label, " ", this.output), this.range);
      if (options.length > 1) box.append(create("label", { for: this.select.id }, this.data.choice), this.select);
      box.hidden = false;
    }

    move(change) {
      const drawAgain = "scene" in change;
      Object.assign(this, change);
      this.show();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => history.replaceState(null, "", `#${this.root.id}?at=${this.step.at}&scene=${this.scene}`), 150);
      if (drawAgain) this.drawAgain();
      else this.view?.signal("at", this.step.at).runAsync();
    }

    show() {
      const { word, sentence, shown, picture } = this.step;
      this.said.replaceChildren(this.create("strong", {}, word), ` ${sentence}`);
      this.output.textContent = shown;
      this.range.value = this.place;
      this.select.value = this.scene;
      this.range.setAttribute("aria-valuetext", shown);
      if (picture) this.root.querySelector(".drawing-parts").innerHTML = picture;
    }

    get link() {
      return location.hash.slice(1).split("?");
    }

    get named() {
      return this.link[0] === this.root.id;
    }

    /* The place and the scene that a link names; what it does not know is as at first. */
    linked() {
      const asked = new URLSearchParams(this.named ? this.link[1] : "");
      const { scenes, start } = this.data;
      const scene = Object.hasOwn(scenes, asked.get("scene")) ? asked.get("scene") : Object.keys(scenes)[0];
      const { steps } = scenes[scene];
      const place = steps.findIndex(({ at }) => String(at) === asked.get("at"));
      return { scene, place: place < 0 ? steps.findIndex(({ at }) => at === start) : place };
    }

    draw() {
      this.drawn ??= this.embed();
      return this.drawn.then(() => this.view);
    }

    /* One drawing after the other, so that the last one asked for stays. */
    drawAgain() {
      this.drawn = this.drawn?.then(() => this.embed());
    }

    async embed() {
      if (this.step.picture) return;
      const embed = await this.loadVega();
      if (!this.canvas) {
        this.canvas = this.create("div", { class: "live-canvas", role: "img" });
        this.root.querySelector(".chart").prepend(this.canvas);
        new ResizeObserver(() => this.resized()).observe(this.canvas);
      }
      this.root.classList.add("live-drawn");
      const { spec } = this.data.scenes[this.scene];
      const width = this.width = this.canvas.clientWidth;
      const legend = { ...this.data.config.legend, direction: width < 480 ? "vertical" : "horizontal" };
      const given = {
        ...spec, width,
        config: { ...this.data.config, legend },
        params: [{ name: "at", value: this.step.at }],
        title: { text: this.wrapped(spec.title, Math.floor(width / this.data.letter)) },
        autosize: { type: "fit", contains: "padding" },
      };
      const { view } = await embed(this.canvas, given, this.asked);
      this.view?.finalize();
      this.view = view.signal("at", this.step.at);
      await view.runAsync();
      this.canvas.querySelector("svg").setAttribute("aria-hidden", "true");
      this.canvas.setAttribute("aria-label", spec.description);
    }

    resized() {
      const width = this.canvas.clientWidth;
      if (width === 0 || width === this.width) return;
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.drawAgain(), 100);
    }
  }

  window.addEventListener("load", () => requestAnimationFrame(() => setTimeout(() => {
    for (const root of document.querySelectorAll(".stepped")) new Stepped(root, window.reckonerShared).draw();
  })));
})();
