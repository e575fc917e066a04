// The collection in two dimensions: hover shows a picture, a click searches with it, an outline takes several.
const REACH = 14; // px around the pointer or finger
const PADDING = 28; // px
const TOP = 50; // px more, for the buttons and a picture above its point
const MOST_ZOOM = 60;
const MOST_STRETCH = 1.8; // of one axis against the other: directions say little, and the room is wider than high
const HINT_MS = 1500;
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
    const find = (name) => root.querySelector(`.${name}`);
    this.root = root;
    this.box = find("map");
    this.canvas = root.querySelector("canvas");
    [this.tip, this.tools, this.legend, this.message] = ["tip", "tools", "labels", "state"].map(find);
    [this.spoken, this.names, this.said, this.hinted] = ["spoken", "names", "kept", "hint"].map(find);
    this.over = find("over");
    this.isDrawing = !matchMedia("(pointer: coarse)").matches;
    this.forget();
    this.drawing = new Drawing(this);
    new Gestures(this);
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  forget() {
    this.points = null;
    this.label = null; // highlighted label
    this.hovered = -1;
    this.lasso = null;
    this.kept = null; // what a lasso held: {outline, items}
    this.view = { zoom: 1, x: 0.5, y: 0.5 };
  }

  show(data, follow) {
    const named = (pairs) => pairs && Object.fromEntries(pairs);
    const before = this.data?.place;
    this.data = { ...data, words: named(data.words), place: named(data.place) };
    this.follow = follow;
    this.canvas.setAttribute("aria-label", data.name);
    this.canvas.setAttribute("aria-description", data.instructions);
    if (this.url === data.url && this.points) {
      this.settle();
      if (this.data.place && JSON.stringify(before) !== JSON.stringify(this.data.place)) this.bringIntoSight();
      return;
    }
    this.url = data.url;
    this.forget();
    this.say(data.loading);
    points(data.url).then(
      (loaded) => {
        if (this.url !== data.url) return;
        this.load(loaded);
        this.say("");
        this.settle();
        this.root.host?.toggleAttribute("data-filled", true);
      },
      () => this.say(data.failed),
    );
  }

  load(loaded) {
    const { x, y } = loaded;
    this.points = loaded;
    this.clusters = clusters(loaded);
    this.hues = hues(this.clusters);
    // Scattered, and the same at any zoom: what is a picture stays one.
    const scatter = (i) => (i * 2654435761) % 4294967296;
    this.order = [...x.keys()].sort((a, b) => scatter(a) - scatter(b));
    const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
    const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
    this.extent = { left: least(x), right: most(x), top: least(y), bottom: most(y) };
    this.look({ zoom: 1 });
  }

  // What depends on the answer and the words.
  settle() {
    const { place, queries, outside } = this.data;
    this.queries = queries.map((i) => ({ x: this.points.x[i], y: this.points.y[i], url: this.thumbnail(i) }));
    if (place && outside) this.queries.unshift({ x: place.x, y: place.y, url: outside });
    if (this.kept && JSON.stringify(this.kept.points) !== JSON.stringify([...queries].sort())) this.kept = null;
    this.sayKept();
    this.relabel();
    this.draw();
  }

  say(text) {
    this.message.hidden = !text;
    this.message.textContent = text;
  }

  // How many an outline held, where a search takes fewer.
  sayKept() {
    const n = this.kept?.n ?? 0;
    this.said.textContent = n > this.data.most ? this.data.kept.replace("{n}", n.toLocaleString()) : "";
  }

  hint() {
    this.hinted.textContent = this.data.hint;
    this.hinted.hidden = false;
    clearTimeout(this.hintTimer);
    this.hintTimer = setTimeout(() => (this.hinted.hidden = true), HINT_MS);
  }

  // Buttons: how to move, and one for each label.
  relabel() {
    const { words } = this.data;
    this.paint();
    const tools = [
      ["draw", words.draw, () => this.switchDrawing()],
      ["+", words.zoomIn, () => this.zoomBy(1.5)],
      ["−", words.zoomOut, () => this.zoomBy(1 / 1.5)],
      ["◎", words.query, () => this.bringIntoSight(true)],
      [words.all, words.all, () => this.look({ zoom: 1 })],
    ];
    if (!this.tools.firstChild || this.tools.dataset.words !== JSON.stringify(words)) {
      this.tools.dataset.words = JSON.stringify(words);
      this.tools.replaceChildren(
        ...tools.map(([text, name, act]) => {
          const button = element("button", "", text === "draw" ? undefined : text);
          if (text === "draw") button.append(element("span", "outline"));
          button.type = "button";
          button.title = name;
          button.setAttribute("aria-label", name);
          button.onclick = act;
          return button;
        }),
      );
    }
    this.tools.firstChild.setAttribute("aria-pressed", String(this.isDrawing));
    this.legend.setAttribute("aria-label", words.labels);
    this.legend.replaceChildren(
      ...this.points.labels.map((name, label) => {
        const button = element("button");
        button.type = "button";
        const dot = element("span", "dot");
        dot.style.background = this.colorOf(label);
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

  switchDrawing() {
    this.isDrawing = !this.isDrawing;
    this.relabel();
    this.draw();
    this.tools.firstChild.focus();
  }

  // Whether a single finger is for the map, not for the page.
  takesTouch() {
    return this.isDrawing || this.view.zoom > 1;
  }

  isDark() {
    const [r, g, b] = getComputedStyle(this.box).backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255];
    return 0.3 * r + 0.59 * g + 0.11 * b < 128;
  }
  // Asked once for a frame: thousands of points ask for their colour.
  paint() {
    const isDark = this.isDark();
    this.palette = this.hues.map((hue) => color(hue, isDark));
    this.plain = getComputedStyle(this.box).getPropertyValue("--st-primary-color") || "gray";
  }
  colorOf(label) {
    return label < 0 ? this.plain : this.palette[label];
  }
  isMuted(i) {
    return this.label !== null && this.points.label[i] !== this.label;
  }
  thumbnail(i) {
    return this.data.thumbnails.replace("{}", this.points.thumbnail[i]);
  }

  // px of the map's width and height: all points fill the box, neither axis stretched much more than the other.
  scale() {
    const { left, right, top, bottom } = this.extent;
    const across = (this.box.clientWidth - 2 * PADDING) / (right - left || 1);
    const down = (this.box.clientHeight - 2 * PADDING - TOP) / (bottom - top || 1);
    const { zoom } = this.view;
    return [Math.min(across, down * MOST_STRETCH) * zoom, Math.min(down, across * MOST_STRETCH) * zoom];
  }
  place(x, y) {
    const [across, down] = this.scaled ?? this.scale();
    const { clientWidth, clientHeight } = this.box;
    return [clientWidth / 2 + (x - this.view.x) * across, (clientHeight + TOP) / 2 + (y - this.view.y) * down];
  }
  placeOf(i) {
    return this.place(this.points.x[i], this.points.y[i]);
  }
  unplace(px, py) {
    const [across, down] = this.scale();
    const { clientWidth, clientHeight } = this.box;
    return [this.view.x + (px - clientWidth / 2) / across, this.view.y + (py - (clientHeight + TOP) / 2) / down];
  }
  isInSight([px, py]) {
    return px > 8 && py > 8 && px < this.box.clientWidth - 8 && py < this.box.clientHeight - 8;
  }

  // Looks at a place, no farther out than all and no farther aside than the last point.
  look({ zoom, x = 0.5, y = 0.5 }) {
    const { left, right, top, bottom } = this.extent;
    const within = (value, low, high) => Math.min(high, Math.max(low, value));
    this.view =
      zoom <= 1
        ? { zoom: 1, x: (left + right) / 2, y: (top + bottom) / 2 }
        : { zoom: Math.min(zoom, MOST_ZOOM), x: within(x, left, right), y: within(y, top, bottom) };
    this.canvas.style.touchAction = this.takesTouch() ? "none" : "pan-y";
    this.draw();
  }
  moveBy(dx, dy) {
    const [across, down] = this.scale();
    const { zoom, x, y } = this.view;
    this.look({ zoom, x: x - dx / across, y: y - dy / down });
  }
  // What is at a place, in px, stays there: the pointer's; else that of the point in focus, or of the query.
  zoomBy(factor, at) {
    const anchors = [this.hovered >= 0 && this.placeOf(this.hovered), ...this.queries.map(({ x, y }) => this.place(x, y))];
    const middle = [this.box.clientWidth / 2, this.box.clientHeight / 2];
    const [px, py] = at ?? anchors.find((each) => each && this.isInSight(each)) ?? middle;
    const [x, y] = this.unplace(px, py);
    const zoom = Math.min(MOST_ZOOM, Math.max(1, this.view.zoom * factor));
    const ratio = this.view.zoom / zoom;
    this.look({ zoom, x: x + (this.view.x - x) * ratio, y: y + (this.view.y - y) * ratio });
  }
  bringIntoSight(isMiddle = false) {
    const [query] = this.queries;
    if (!query) return;
    if (isMiddle) this.look({ zoom: Math.max(this.view.zoom, 2.5), ...query });
    else if (!this.isInSight(this.place(query.x, query.y))) this.look({ zoom: this.view.zoom, ...query });
  }
  // Whether the sign of a query that is out of sight is there; then it is looked at.
  findQuery(px, py) {
    const sign = this.drawing.signs.find((each) => Math.hypot(each.px - px, each.py - py) < PIN / 1.4);
    if (sign) this.look({ ...this.view, x: sign.x, y: sign.y });
    return Boolean(sign);
  }

  // Once for all that happens before the next frame. `isAll`: also what lies under the pointer's own signs.
  draw(isAll = true) {
    if (!this.points || !this.box.clientWidth) return;
    this.isStale ||= isAll;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (!this.points) return;
      this.scaled = this.scale();
      this.paint();
      if (this.isStale) {
        this.drawing.draw();
        placeNames(this);
        this.root.host?.setAttribute("data-zoom", this.view.zoom.toFixed(2));
      } else {
        this.drawing.drawOver();
      }
      this.isStale = false;
      this.scaled = null;
    });
  }

  nearest(px, py) {
    let best = -1;
    let least = REACH * REACH;
    for (let i = 0; i < this.points.x.length; i++) {
      if (this.isMuted(i)) continue;
      const [ax, ay] = this.placeOf(i);
      const square = (ax - px) ** 2 + (ay - py) ** 2;
      if (square < least) [best, least] = [i, square];
    }
    if (best >= 0) return best;
    const half = this.drawing.side / 2; // or the picture that is there
    return [...(this.drawing.shown ?? [])].find((i) => this.placeOf(i).every((p, axis) => Math.abs(p - [px, py][axis]) < half)) ?? -1;
  }

  hover(i) {
    if (i === this.hovered) return;
    this.hovered = i;
    this.tip.hidden = i < 0;
    if (i >= 0) {
      const image = element("img");
      image.alt = "";
      image.src = this.thumbnail(i);
      const label = this.points.label[i];
      const name = label < 0 ? "" : this.points.labels[label];
      this.tip.replaceChildren(image, element("strong", "", name), element("span", "", this.points.id[i]));
      const [px, py] = this.placeOf(i);
      const { clientWidth: width, clientHeight: height } = this.box;
      this.tip.style.left = `${Math.max(4, Math.min(px + 14, width - this.tip.offsetWidth - 4))}px`;
      this.tip.style.top = `${Math.max(4, Math.min(py + 14, height - this.tip.offsetHeight - 4))}px`;
      this.spoken.textContent = `${name} ${this.points.id[i]}`;
    }
    this.draw(false);
  }

  search(indexes) {
    const parts = indexes.map((i) => `item=${encodeURIComponent(this.points.id[i])}`);
    this.follow(this.data.href + (this.data.href.length > 1 ? "&" : "") + parts.join("&"));
  }

  // Of what a lasso holds, as many as a search takes: those nearest to its middle.
  take(outline) {
    const held = [];
    for (let i = 0; i < this.points.x.length; i++) {
      if (this.isMuted(i)) continue;
      const [px, py] = this.placeOf(i);
      if (isInside(px, py, outline)) held.push([i, px, py]);
    }
    if (!held.length) return;
    const middle = [1, 2].map((axis) => held.reduce((sum, entry) => sum + entry[axis], 0) / held.length);
    const far = ([, px, py]) => (px - middle[0]) ** 2 + (py - middle[1]) ** 2;
    held.sort((a, b) => far(a) - far(b));
    const taken = held.slice(0, this.data.most).map(([i]) => i);
    const points = [...taken].sort();
    this.kept = { n: held.length, points, outline: outline.map((point) => this.unplace(...point)) };
    this.sayKept();
    this.search(taken);
  }

  // Goes from the point in focus to the one that lies best in a direction, and keeps it in sight.
  walk([dx, dy]) {
    const i = this.next([dx, dy]);
    const { x, y } = this.points;
    if (!this.isInSight(this.placeOf(i))) this.look({ zoom: this.view.zoom, x: x[i], y: y[i] });
    this.hover(i);
  }
  next([dx, dy]) {
    const { x, y } = this.points;
    const from = this.hovered >= 0 ? this.hovered : (this.data.queries[0] ?? 0);
    if (this.hovered < 0) return from;
    let best = from;
    let least = Infinity;
    for (let i = 0; i < x.length; i++) {
      if (this.isMuted(i)) continue;
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
