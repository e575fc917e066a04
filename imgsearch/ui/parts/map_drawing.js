// What is drawn on the map, from below to above: lines, points, pictures, numbers, the query; and over it, on a canvas of
// its own that is drawn for every move of the pointer, what the pointer is at and the line that it draws.
const PIN = 40; // px, side of the query's picture, which stands above its point
const STEM = 14;
const EDGE = 30; // px between the border and the sign of a query that is out of sight

class Drawing {
  constructor(chart) {
    this.chart = chart;
    this.context = chart.canvas.getContext("2d");
    this.over = chart.over.getContext("2d");
    this.pictures = new Pictures(() => chart.draw());
    this.dots = new Map();
  }

  draw() {
    const { chart, context, pictures } = this;
    const { points, data } = chart;
    const { clientWidth: width, clientHeight: height } = chart.box;
    this.density = window.devicePixelRatio || 1;
    this.clear(context);
    const style = getComputedStyle(chart.box);
    [this.ink, this.paper] = [style.color, style.backgroundColor];
    const { x, y, label } = points;
    const ranks = new Map(data.results.map((each, rank) => [each, rank + 1]));
    const radius = Math.min(7, Math.max(2.2, 60 / Math.sqrt(x.length)) * Math.sqrt(chart.view.zoom));
    this.radius = radius;
    this.stands = []; // middle, and half the width and height, of what names of labels must not cover
    pictures.begin();
    this.drawLines();
    const found = [];
    for (let i = 0; i < x.length; i++) {
      const [px, py] = chart.place(x[i], y[i]);
      if (px < -9 || py < -9 || px > width + 9 || py > height + 9) continue;
      context.globalAlpha = chart.isMuted(i) ? 0.12 : 0.85;
      const rank = ranks.get(i);
      if (rank) found.push([i, px, py, rank]);
      this.dot(px, py, rank ? radius + 2 : radius, chart.colorOf(label[i]));
    }
    context.globalAlpha = 1;
    found.sort((a, b) => a[3] - b[3]);
    this.drawPictures(found.map(([i]) => i));
    for (const [i, px, py, rank] of found.reverse()) this.drawRank(i, px, py, radius + 3, rank);
    this.drawQuery(radius);
    pictures.end();
    this.drawOver();
  }

  drawOver() {
    const { chart, over } = this;
    this.clear(over);
    if (chart.hovered >= 0) {
      const half = this.shown.has(chart.hovered) ? this.side / 1.6 : this.radius;
      this.ring(...chart.placeOf(chart.hovered), half + 5, 3, over);
    }
    const outline = chart.lasso ?? chart.kept?.outline.map(([x, y]) => chart.place(x, y));
    if (!outline || outline.length < 2) return;
    over.strokeStyle = this.ink;
    over.lineWidth = chart.lasso ? 2 : 1;
    over.setLineDash([6, 4]);
    over.beginPath();
    for (const point of outline) over.lineTo(...point);
    over.closePath();
    over.stroke();
    over.setLineDash([]);
  }

  clear(context) {
    const { canvas } = context;
    const sides = [this.chart.box.clientWidth, this.chart.box.clientHeight];
    const [width, height] = sides.map((side) => Math.round(side * this.density));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, ...sides);
  }

  // A dot is painted once, and then copied: thousands of circles take many times as long.
  dot(px, py, radius, fill) {
    const size = Math.ceil((radius + 1) * 2 * this.density);
    const key = `${fill} ${size}`;
    if (!this.dots.has(key)) {
      if (this.dots.size > 200) this.dots.clear();
      const sprite = document.createElement("canvas");
      sprite.width = sprite.height = size;
      const context = sprite.getContext("2d");
      context.fillStyle = fill;
      context.arc(size / 2, size / 2, radius * this.density, 0, 7);
      context.fill();
      this.dots.set(key, sprite);
    }
    const side = size / this.density;
    this.context.drawImage(this.dots.get(key), px - side / 2, py - side / 2, side, side);
  }

  ring(px, py, radius, width, context = this.context) {
    context.globalAlpha = 1;
    context.strokeStyle = this.ink;
    context.lineWidth = width;
    context.beginPath();
    context.arc(px, py, radius, 0, 7);
    context.stroke();
  }

  drawPictures(found) {
    const { chart, context } = this;
    const { zoom } = chart.view;
    this.shown = new Set();
    this.side = Math.min(84, 40 * Math.sqrt(zoom / PICTURES_FROM));
    if (zoom < PICTURES_FROM && chart.points.x.length > FEW) return;
    const asked = new Set(chart.data.queries); // which stand out anyway
    const order = [...found, ...chart.order].filter((i) => !chart.isMuted(i) && !asked.has(i));
    const { clientWidth: width, clientHeight: height } = chart.box;
    this.shown = pictured(order, (i) => chart.placeOf(i), this.side, width, height);
    for (const i of this.shown) {
      const image = this.pictures.get(chart.thumbnail(i));
      if (!image) continue;
      const [px, py] = chart.placeOf(i);
      const side = this.side - 6;
      this.frame(px - side / 2, py - side / 2, side, chart.colorOf(chart.points.label[i]), 2.5);
      drawCovering(context, image, px - side / 2, py - side / 2, side);
    }
  }

  frame(left, top, side, fill, width) {
    this.context.fillStyle = fill;
    this.context.fillRect(left - width, top - width, side + 2 * width, side + 2 * width);
  }

  // Its number, as on the card beside the map.
  drawRank(i, px, py, radius, rank) {
    const { context } = this;
    this.stands.push([px, py, 8, 8]);
    if (this.shown.has(i)) {
      const half = this.side / 2;
      context.strokeStyle = this.ink;
      context.lineWidth = 2.5;
      context.strokeRect(px - half, py - half, 2 * half, 2 * half);
      this.write(String(rank), px - half + 9, py - half + 9);
    } else {
      this.ring(px, py, radius, 1.5);
      if (this.chart.view.zoom > 1 || this.chart.points.x.length <= 2000) this.write(String(rank), px + radius + 6, py - radius);
    }
  }

  write(text, px, py) {
    const { context } = this;
    context.font = "600 11px sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 4;
    context.strokeStyle = this.paper;
    context.strokeText(text, px, py);
    context.fillStyle = this.ink;
    context.fillText(text, px, py);
  }

  // From where the query stands to its neighbours; faded where nothing is similar.
  drawLines() {
    const { chart, context } = this;
    const query = chart.data.place;
    if (!query) return;
    context.strokeStyle = this.ink;
    context.lineWidth = 1;
    context.globalAlpha = query.faded ? 0.12 : 0.35;
    context.beginPath();
    for (const i of query.neighbors) {
      context.moveTo(...chart.place(query.x, query.y));
      context.lineTo(...chart.placeOf(i));
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  // The query's pictures, each above its place; where that is out of sight, at the border on the way to it.
  drawQuery(radius) {
    const { chart, context } = this;
    this.signs = [];
    for (const { x, y, url } of chart.queries) {
      const [px, py] = chart.place(x, y);
      const { clientWidth: width, clientHeight: height } = chart.box;
      const isInSight = px >= 0 && py >= 0 && px <= width && py <= height;
      context.globalAlpha = chart.data.place?.faded ? 0.5 : 1;
      let [left, top] = [px - PIN / 2, py - radius - STEM - PIN];
      if (top < 4) top = py + radius + STEM;
      if (!isInSight) {
        left = Math.min(Math.max(px, EDGE), width - EDGE) - PIN / 2;
        top = Math.min(Math.max(py, EDGE), height - EDGE) - PIN / 2;
        this.signs.push({ x, y, px: left + PIN / 2, py: top + PIN / 2 });
      }
      context.strokeStyle = this.ink;
      context.lineWidth = 3;
      context.beginPath();
      context.moveTo(left + PIN / 2, top + PIN / 2);
      context.lineTo(px, py);
      context.stroke();
      this.frame(left, top, PIN, this.ink, 3);
      const image = this.pictures.get(url);
      if (image) drawCovering(context, image, left, top, PIN);
      this.stands.push([left + PIN / 2, top + PIN / 2, PIN / 2, PIN / 2]);
      if (isInSight) this.ring(px, py, radius + 3, 3);
      context.globalAlpha = 1;
    }
  }
}
