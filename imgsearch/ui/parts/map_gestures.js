// Mouse, finger and keys on the map. A drag draws around pictures or moves the map; two fingers move and zoom it.
const STILL = 5; // px: who moves less has clicked

class Gestures {
  constructor(chart) {
    this.chart = chart;
    this.down = new Map(); // pointer id -> place
    const { canvas } = chart;
    canvas.onpointerdown = (event) => chart.points && event.button === 0 && this.press(event);
    canvas.onpointermove = (event) => chart.points && this.move(event);
    canvas.onpointerup = (event) => chart.points && this.release(event);
    canvas.onpointercancel = (event) => this.giveUp(event);
    canvas.onpointerleave = () => !this.down.size && chart.hover(-1);
    canvas.ondblclick = (event) => chart.points && chart.nearest(...this.at(event)) < 0 && chart.zoomBy(2, this.at(event));
    canvas.onkeydown = (event) => chart.points && this.key(event);
    canvas.addEventListener("wheel", (event) => chart.points && this.wheel(event), { passive: false });
    // Two fingers are ours, also where one of them scrolls the page.
    canvas.addEventListener("touchmove", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
  }

  at(event) {
    const box = this.chart.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    const { chart } = this;
    this.down.set(event.pointerId, this.at(event));
    if (this.down.size > 1) {
      chart.lasso = null;
      this.start = null;
      return;
    }
    this.start = this.at(event);
    if (event.pointerType !== "touch" || chart.takesTouch()) chart.canvas.setPointerCapture(event.pointerId);
    if (chart.isDrawing) chart.lasso = [this.start];
  }

  move(event) {
    const { chart } = this;
    const before = this.down.get(event.pointerId);
    const now = this.at(event);
    if (!before) {
      if (event.pointerType !== "touch") chart.hover(chart.nearest(...now));
      return;
    }
    this.down.set(event.pointerId, now);
    if (this.down.size === 2) {
      this.pinch(event.pointerId, before, now);
    } else if (chart.lasso) {
      chart.lasso.push(now);
      chart.draw(false);
    } else if (event.pointerType !== "touch" || chart.takesTouch()) {
      chart.moveBy(now[0] - before[0], now[1] - before[1]);
    }
  }

  // What was under the fingers stays under them.
  pinch(id, before, now) {
    const [[, other]] = [...this.down].filter(([each]) => each !== id);
    const middle = (a) => [(a[0] + other[0]) / 2, (a[1] + other[1]) / 2];
    const apart = (a) => Math.max(20, Math.hypot(a[0] - other[0], a[1] - other[1]));
    const [from, to] = [middle(before), middle(now)];
    this.chart.moveBy(to[0] - from[0], to[1] - from[1]);
    this.chart.zoomBy(apart(now) / apart(before), to);
  }

  release(event) {
    const { chart } = this;
    const end = this.at(event);
    const [start, outline] = [this.start, chart.lasso];
    this.giveUp(event);
    if (!start) return;
    const isClick = Math.hypot(end[0] - start[0], end[1] - start[1]) < STILL && (outline?.length ?? 0) < 12;
    if (!isClick) {
      if (outline) chart.take(outline);
      return;
    }
    const i = chart.nearest(...end);
    if (chart.findQuery(...end)) return;
    if (i >= 0 && (event.pointerType !== "touch" || i === chart.hovered)) chart.search([i]);
    else chart.hover(i); // the first tap shows, the second searches
  }

  giveUp(event) {
    this.down.delete(event.pointerId);
    this.start = null;
    this.chart.lasso = null;
    this.chart.draw(false);
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) {
      this.chart.hint(); // the page scrolls; zooming needs Ctrl, or a pinch
      return;
    }
    event.preventDefault();
    this.chart.zoomBy(Math.exp(-event.deltaY / 300), this.at(event));
  }

  key(event) {
    const { chart } = this;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) chart.walk(step);
    else if ((event.key === "Enter" || event.key === " ") && chart.hovered >= 0) chart.search([chart.hovered]);
    else if (event.key === "+" || event.key === "=") chart.zoomBy(1.5);
    else if (event.key === "-") chart.zoomBy(1 / 1.5);
    else if (event.key === "Escape") chart.hover(-1);
    else return;
    event.preventDefault();
  }
}
