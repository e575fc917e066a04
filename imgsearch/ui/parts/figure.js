// From a picture to its neighbours, drawn with the numbers of this collection.
const SVG = "http://www.w3.org/2000/svg";

function shape(tag, className, attributes) {
  const node = document.createElementNS(SVG, tag);
  if (className) node.setAttribute("class", className);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function picture(src) {
  const image = element("img");
  image.src = src;
  image.alt = "";
  return image;
}

function drawing(width, height) {
  return shape("svg", "", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
}

// Feature maps that become smaller and deeper, then the classifier, which is mostly left out.
function network(hasClassifier) {
  const svg = drawing(200, 120);
  const maps = [
    [4, 84, 10],
    [38, 62, 16],
    [76, 42, 24],
    [118, 26, 30],
  ];
  for (const [x, side, depth] of maps) {
    const [top, shift] = [60 - side / 2, side * 0.12];
    const right = x + depth;
    svg.append(
      shape("path", "slab", { d: `M${x} ${top}l${shift} ${-shift}h${depth}l${-shift} ${shift}z` }),
      shape("path", "slab", { d: `M${right} ${top}l${shift} ${-shift}v${side}l${-shift} ${shift}z` }),
      shape("rect", "slab", { x, y: top, width: depth, height: side }),
    );
  }
  svg.append(shape("rect", "fill", { x: 160, y: 30, width: 6, height: 60, rx: 2 }));
  svg.append(shape("rect", hasClassifier ? "slab" : "gone", { x: 176, y: 20, width: 18, height: 80, rx: 4 }));
  if (!hasClassifier) svg.append(shape("path", "line", { d: "M174 16l22 88M196 16l-22 88" }));
  return svg;
}

// Pixels sorted into bins.
function formula() {
  const svg = drawing(200, 120);
  [18, 44, 86, 62, 30, 96, 50, 24].forEach((height, index) => {
    svg.append(shape("rect", "fill", { x: 8 + index * 24, y: 110 - height, width: 16, height, rx: 2 }));
  });
  return svg;
}

function bars(values) {
  const svg = drawing(values.length * 4, 100);
  svg.setAttribute("preserveAspectRatio", "none");
  const most = Math.max(...values.map(Math.abs)) || 1;
  const base = values.some((value) => value < 0) ? 50 : 98;
  values.forEach((value, index) => {
    const height = Math.max((Math.abs(value) / most) * (base === 50 ? 48 : 96), 1);
    svg.append(shape("rect", "fill", { x: index * 4, y: value < 0 ? base : base - height, width: 2.6, height }));
  });
  return svg;
}

function nearest(step) {
  const box = element("div", "found");
  const svg = drawing(120, 120);
  // The query in the middle, and as much around it as there are points to show.
  const reach = Math.max(...step.points.map(([x, y]) => Math.max(Math.abs(x - step.query[0]), Math.abs(y - step.query[1]))));
  const place = ([x, y]) => ({ cx: 60 + ((x - step.query[0]) / reach) * 54, cy: 60 + ((y - step.query[1]) / reach) * 54 });
  for (const point of step.points) svg.append(shape("circle", "faint", { ...place(point), r: 1.6 }));
  const center = place(step.query);
  const list = element("ul");
  for (const { at, src, words } of step.found) {
    const { cx, cy } = place(at);
    svg.append(shape("path", "line", { d: `M${center.cx} ${center.cy}L${cx} ${cy}` }));
    svg.append(shape("circle", "slab", { cx, cy, r: 4 }));
    const entry = element("li");
    entry.append(picture(src), element("span", "", words));
    list.append(entry);
  }
  svg.append(shape("circle", "fill", { ...center, r: 5 }));
  box.append(svg, list);
  return box;
}

function draw(step) {
  if (step.picture) return picture(step.picture);
  if (step.network) return step.network === "descriptor" ? formula() : network(step.network === "logits");
  return step.bars ? bars(step.bars) : nearest(step);
}

export default function ({ data, parentElement }) {
  const figure = parentElement.querySelector(".figure");
  figure.setAttribute("aria-label", data.name);
  figure.replaceChildren(
    ...data.steps.map((step) => {
      const entry = element("li", "step");
      const box = element("div", "drawing");
      box.append(draw(step));
      entry.append(box, element("h2", "", step.title), element("p", "", step.text));
      return entry;
    }),
  );
}
