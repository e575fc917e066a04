// The collection in two dimensions: hover shows a picture, a click searches with it, a drag takes several.
const REACH = 14; // px around the pointer or finger
const PADDING = 24; // px
const MOST_ZOOM = 40;
const fetched = new Map(); // URL -> promise of the points; the browser keeps the file, this its parsed form

function points(url) {
  if (!fetched.has(url)) {
    fetched.clear(); // one map at a time
    const answer = fetch(url).then((response) => {
      if (!response.ok) throw new Error(String(response.status));
      return response.json();
    });
    answer.catch(() => fetched.delete(url));
    fetched.set(url, answer);
  }
  return fetched.get(url);
}

// Hues by the golden angle: neighbours in the list of labels differ most.
function color(label, isDark) {
  return label < 0 ? "gray" : `oklch(${isDark ? 0.76 : 0.58} 0.15 ${(label * 137.508) % 360})`;
}

// Ray casting: how often a ray from the point crosses the outline.
function isInside(x, y, outline) {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [ax, ay] = outline[i];
    const [bx, by] = outline[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

class Chart {
  constructor(root) {
    this.root = root;
    this.box = root.querySelector(".map");
    this.canvas = root.querySelector("canvas");
    this.tip = root.querySelector(".tip");
    this.tools = root.querySelector(".tools");
    this.legend = root.querySelector(".labels");
    this.message = root.querySelector(".state");
    this.spoken = root.querySelector(".spoken");
    this.view = { zoom: 1, x: 0.5, y: 0.5 };
    this.label = null; // highlighted label
    this.hovered = -1;
    this.lasso = null;
    new ResizeObserver(() => this.draw()).observe(this.box);
    this.listen();
  }

  show(data, follow) {
    const named = (pairs) => pairs && Object.fromEntries(pairs);
    this.data = { ...data, words: named(data.words), place: named(data.place) };
    this.follow = follow;
    this.canvas.setAttribute("aria-label", data.name);
    this.canvas.setAttribute("aria-description", data.instructions);
    if (this.url === data.url && this.points) {
      this.relabel();
      this.draw();
      return;
    }
    this.url = data.url;
    this.points = null;
    this.label = null;
    this.view = { zoom: 1, x: 0.5, y: 0.5 };
    this.say(data.loading);
    points(data.url).then(
      (loaded) => {
        if (this.url !== data.url) return;
        this.points = loaded;
        this.rowOf = new Map(loaded.row.map((row, i) => [row, i]));
        this.hovered = -1;
        this.say("");
        this.relabel();
        this.draw();
        this.root.host?.toggleAttribute("data-filled", true);
      },
      () => this.say(data.failed),
    );
  }

  say(text) {
    this.message.hidden = !text;
    this.message.textContent = text;
  }

  // Buttons: zoom, and one for each label.
  relabel() {
    const { words } = this.data;
    const tools = [
      ["+", words.zoomIn, () => this.zoomBy(1.5)],
      ["−", words.zoomOut, () => this.zoomBy(1 / 1.5)],
      [words.all, words.all, () => this.look({ zoom: 1, x: 0.5, y: 0.5 })],
    ];
    if (!this.tools.firstChild || this.tools.dataset.words !== JSON.stringify(words)) {
      this.tools.dataset.words = JSON.stringify(words);
      this.tools.replaceChildren(
        ...tools.map(([text, name, act]) => {
          const button = element("button", "", text);
          button.type = "button";
          button.setAttribute("aria-label", name);
          button.onclick = act;
          return button;
        }),
      );
    }
    this.legend.setAttribute("aria-label", words.labels);
    this.legend.replaceChildren(
      ...this.points.labels.map((name, label) => {
        const button = element("button");
        button.type = "button";
        const dot = element("span", "dot");
        dot.style.background = color(label, this.isDark());
        button.append(dot, element("span", "", name));
        button.setAttribute("aria-pressed", String(this.label === label));
        button.onclick = () => {
          this.label = this.label === label ? null : label;
          for (const [i, other] of [...this.legend.children].entries()) {
            other.setAttribute("aria-pressed", String(this.label === i));
          }
          this.draw();
        };
        return button;
      }),
    );
  }

  isDark() {
    const [r, g, b] = getComputedStyle(this.box).backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255];
    return 0.3 * r + 0.59 * g + 0.11 * b < 128;
  }

  // The unit square in the middle of the box, seen through zoom and place.
  scale() {
    const side = Math.min(this.box.clientWidth, this.box.clientHeight) - 2 * PADDING;
    return side * this.view.zoom;
  }
  place(x, y) {
    const scale = this.scale();
    return [
      this.box.clientWidth / 2 + (x - this.view.x) * scale,
      this.box.clientHeight / 2 + (y - this.view.y) * scale,
    ];
  }
  unplace(px, py) {
    const scale = this.scale();
    return [
      this.view.x + (px - this.box.clientWidth / 2) / scale,
      this.view.y + (py - this.box.clientHeight / 2) / scale,
    ];
  }
  look(view) {
    this.view = view;
    this.draw();
  }
  zoomBy(factor, at) {
    const zoom = Math.min(MOST_ZOOM, Math.max(1, this.view.zoom * factor));
    const [px, py] = at ?? [this.box.clientWidth / 2, this.box.clientHeight / 2];
    const [x, y] = this.unplace(px, py);
    const ratio = this.view.zoom / zoom;
    this.look(
      zoom === 1
        ? { zoom, x: 0.5, y: 0.5 }
        : { zoom, x: x + (this.view.x - x) * ratio, y: y + (this.view.y - y) * ratio },
    );
  }

  draw() {
    if (!this.points || !this.box.clientWidth) return;
    const density = window.devicePixelRatio || 1;
    this.canvas.width = this.box.clientWidth * density;
    this.canvas.height = this.box.clientHeight * density;
    const context = this.canvas.getContext("2d");
    context.scale(density, density);
    const isDark = this.isDark();
    const ink = getComputedStyle(this.box).color;
    const { x, y, label, row } = this.points;
    const radius = Math.min(7, Math.max(2.2, 60 / Math.sqrt(x.length)) * Math.sqrt(this.view.zoom));
    const results = new Set(this.data.results);
    const queries = new Set(this.data.queries);
    this.drawLines(context, ink);
    for (let i = 0; i < x.length; i++) {
      const [px, py] = this.place(x[i], y[i]);
      const isMuted = this.label !== null && label[i] !== this.label;
      context.globalAlpha = isMuted ? 0.12 : 0.85;
      context.fillStyle = color(label[i], isDark);
      context.beginPath();
      context.arc(px, py, results.has(row[i]) ? radius + 2 : radius, 0, 7);
      context.fill();
      if (results.has(row[i])) this.ring(context, px, py, radius + 3, ink, 1.5);
      if (queries.has(row[i])) this.ring(context, px, py, radius + 6, ink, 3);
    }
    context.globalAlpha = 1;
    if (this.hovered >= 0) {
      const [px, py] = this.place(x[this.hovered], y[this.hovered]);
      this.ring(context, px, py, radius + 5, ink, 2);
    }
    this.drawLasso(context, ink);
  }

  ring(context, px, py, radius, ink, width) {
    context.globalAlpha = 1;
    context.strokeStyle = ink;
    context.lineWidth = width;
    context.beginPath();
    context.arc(px, py, radius, 0, 7);
    context.stroke();
  }

  // From where the query stands to its neighbours; faded where nothing is similar.
  drawLines(context, ink) {
    const query = this.data.place;
    if (!query) return;
    const [qx, qy] = this.place(query.x, query.y);
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.globalAlpha = query.faded ? 0.15 : 0.45;
    for (const row of query.rows) {
      const i = this.rowOf.get(row);
      if (i === undefined) continue;
      context.beginPath();
      context.moveTo(qx, qy);
      context.lineTo(...this.place(this.points.x[i], this.points.y[i]));
      context.stroke();
    }
    context.globalAlpha = query.faded ? 0.35 : 1;
    context.lineWidth = 3;
    context.strokeRect(qx - 9, qy - 9, 18, 18);
  }

  drawLasso(context, ink) {
    if (!this.lasso || this.lasso.length < 2) return;
    context.strokeStyle = ink;
    context.lineWidth = 2;
    context.setLineDash([6, 4]);
    context.beginPath();
    for (const point of this.lasso) context.lineTo(...point);
    context.closePath();
    context.stroke();
    context.setLineDash([]);
  }

  nearest(px, py) {
    let best = -1;
    let least = REACH * REACH;
    const { x, y, label } = this.points;
    for (let i = 0; i < x.length; i++) {
      if (this.label !== null && label[i] !== this.label) continue;
      const [ax, ay] = this.place(x[i], y[i]);
      const square = (ax - px) ** 2 + (ay - py) ** 2;
      if (square < least) [best, least] = [i, square];
    }
    return best;
  }

  hover(i) {
    if (i === this.hovered) return;
    this.hovered = i;
    this.tip.hidden = i < 0;
    if (i >= 0) {
      const image = element("img");
      image.alt = "";
      image.src = this.data.thumbnails.replace("{}", this.points.thumbnail[i]);
      const label = this.points.label[i];
      const name = label < 0 ? "" : this.points.labels[label];
      this.tip.replaceChildren(image, element("strong", "", name), element("span", "", this.points.id[i]));
      const [px, py] = this.place(this.points.x[i], this.points.y[i]);
      const { clientWidth: width, clientHeight: height } = this.box;
      this.tip.style.left = `${Math.max(4, Math.min(px + 14, width - this.tip.offsetWidth - 4))}px`;
      this.tip.style.top = `${Math.max(4, Math.min(py + 14, height - this.tip.offsetHeight - 4))}px`;
      this.spoken.textContent = `${name} ${this.points.id[i]}`;
    }
    this.draw();
  }

  search(indexes) {
    const parts = indexes.map((i) => `item=${encodeURIComponent(this.points.id[i])}`);
    this.follow(this.data.href + (this.data.href.length > 1 ? "&" : "") + parts.join("&"));
  }

  // Of what a lasso holds, as many as a search takes: those nearest to its middle.
  take(outline) {
    const { x, y, label } = this.points;
    const held = [];
    for (let i = 0; i < x.length; i++) {
      if (this.label !== null && label[i] !== this.label) continue;
      const [px, py] = this.place(x[i], y[i]);
      if (isInside(px, py, outline)) held.push([i, px, py]);
    }
    if (!held.length) return;
    const middle = [1, 2].map((axis) => held.reduce((sum, entry) => sum + entry[axis], 0) / held.length);
    const far = ([, px, py]) => (px - middle[0]) ** 2 + (py - middle[1]) ** 2;
    held.sort((a, b) => far(a) - far(b));
    this.search(held.slice(0, this.data.most).map(([i]) => i));
  }

  listen() {
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    this.canvas.onpointerdown = (event) => {
      if (!this.points || event.button !== 0) return;
      this.start = at(event);
      if (event.pointerType !== "touch") {
        this.canvas.setPointerCapture(event.pointerId);
        this.lasso = [this.start];
      }
    };
    this.canvas.onpointermove = (event) => {
      if (!this.points) return;
      if (this.lasso) {
        this.lasso.push(at(event));
        this.draw();
      } else if (event.pointerType !== "touch") {
        this.hover(this.nearest(...at(event)));
      }
    };
    this.canvas.onpointerup = (event) => {
      if (!this.points || !this.start) return;
      const end = at(event);
      const outline = this.lasso;
      const isClick = Math.hypot(end[0] - this.start[0], end[1] - this.start[1]) < 5 && (outline?.length ?? 0) < 12;
      this.lasso = null;
      this.start = null;
      const i = this.nearest(...end);
      if (!isClick) {
        if (outline) this.take(outline);
        this.draw();
      } else if (i >= 0 && (event.pointerType !== "touch" || i === this.hovered)) {
        this.search([i]);
      } else {
        this.hover(i); // the first tap shows, the second searches
      }
    };
    this.canvas.onpointercancel = () => {
      this.lasso = null;
      this.start = null;
      this.draw();
    };
    this.canvas.onpointerleave = () => !this.lasso && this.hover(-1);
    this.canvas.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return; // the page scrolls; zooming needs Ctrl, or a pinch
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY / 300), at(event));
      },
      { passive: false },
    );
    this.canvas.onkeydown = (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!this.points) return;
      if (step) this.hover(this.next(step));
      else if ((event.key === "Enter" || event.key === " ") && this.hovered >= 0) this.search([this.hovered]);
      else if (event.key === "+") this.zoomBy(1.5);
      else if (event.key === "-") this.zoomBy(1 / 1.5);
      else if (event.key === "Escape") this.hover(-1);
      else return;
      event.preventDefault();
    };
  }

  // The point that lies best in a direction from the current one.
  next([dx, dy]) {
    const { x, y, label } = this.points;
    const from = this.hovered >= 0 ? this.hovered : (this.rowOf.get(this.data.queries[0]) ?? 0);
    if (this.hovered < 0) return from;
    let best = from;
    let least = Infinity;
    for (let i = 0; i < x.length; i++) {
      if (this.label !== null && label[i] !== this.label) continue;
      const along = (x[i] - x[from]) * dx + (y[i] - y[from]) * dy;
      const aside = Math.abs((x[i] - x[from]) * dy) + Math.abs((y[i] - y[from]) * dx);
      if (i === from || along <= 0 || aside > along * 2) continue;
      const cost = along + 2 * aside;
      if (cost < least) [best, least] = [i, cost];
    }
    return best;
  }
}

const charts = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".map").getRootNode();
  if (!charts.has(root)) charts.set(root, new Chart(root));
  charts.get(root).show(data, (href) => setTriggerValue("followed", href));
}
