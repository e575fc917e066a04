// Labels on the map: hues that can be told apart, and names at the clusters, which words give where labels do not.
// Degrees, lightness and chroma in OKLCH: each at the lightness where it is most itself, so that no two differ in hue alone.
const HUES = [
  [255, 0.5, 0.17],
  [45, 0.64, 0.18],
  [155, 0.56, 0.14],
  [350, 0.6, 0.21],
  [205, 0.68, 0.11],
  [300, 0.46, 0.22],
  [108, 0.7, 0.15],
  [27, 0.42, 0.16],
];
const NEAR_CLUSTERS = 6; // clusters around one that do not share its hue, as far as there are hues
const MOST_OF_A_LABEL = 200; // points of a label that are looked at for its place
const MOST_NAMES = 40;
const CLUSTER_REACH = 0.08; // of the map: points that near to each other make a cluster

function color(hue, isDark) {
  const [degrees, lightness, chroma] = HUES[hue];
  return `oklch(${isDark ? lightness + 0.14 : lightness} ${chroma} ${degrees})`;
}

// Of each label {x, y, n}: its point with most others of the label around it, and how many points it has.
function clusters({ x, y, label, labels }) {
  const members = labels.map(() => []);
  for (let i = 0; i < x.length; i++) if (label[i] >= 0) members[label[i]].push(i);
  return members.map((all) => {
    const some = all.filter((_, k) => k % Math.ceil(all.length / MOST_OF_A_LABEL) === 0);
    let best = all[0];
    let most = -1;
    for (const i of some) {
      let around = 0;
      for (const j of some) around += (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2 < CLUSTER_REACH ** 2;
      if (around > most) [best, most] = [i, around];
    }
    return { x: x[best] ?? 0.5, y: y[best] ?? 0.5, n: all.length };
  });
}

// A hue for each label: as many as there are get one of their own; of more, those that stand near each other differ.
function hues(places) {
  if (places.length <= HUES.length) return places.map((_, label) => label);
  const given = [];
  for (const [label, place] of places.entries()) {
    const far = (other) => (places[other].x - place.x) ** 2 + (places[other].y - place.y) ** 2;
    const near = [...given.keys()].sort((a, b) => far(a) - far(b)).slice(0, NEAR_CLUSTERS);
    const taken = near.map((other) => given[other]);
    const times = HUES.map((_, hue) => given.filter((each) => each === hue).length);
    const cost = (hue) => (taken.includes(hue) ? 1e6 - taken.indexOf(hue) : 0) + times[hue];
    given[label] = [...HUES.keys()].reduce((best, hue) => (cost(hue) < cost(best) ? hue : best));
  }
  return given;
}

// What clusters are called, {x, y, n, text, hue}: by words where labels give no names, else by the labels to be seen.
function nameable(chart) {
  const { clusters: places, label: chosen, points, data } = chart;
  if (points.names.length) {
    return chosen === null ? points.names.map((name) => ({ ...name, text: name.words[data.language] })) : [];
  }
  const named = places.map((place, label) => ({ ...place, text: points.labels[label], hue: chart.colorOf(label) }));
  return places.length < 2 ? [] : named.filter((_, label) => chosen === null || label === chosen);
}

// Of a name, px, about: Korean signs are wider.
function halfWidth(text) {
  return [...text].reduce((sum, sign) => sum + (sign < "\u1100" ? 3.4 : 5.6), 8);
}

// Names at their clusters, the largest first, where none covers another or the answer.
function placeNames(chart) {
  const { box } = chart;
  const taken = [...chart.drawing.stands];
  const names = [];
  for (const { x: across, y: down, text, hue } of nameable(chart).sort((a, b) => b.n - a.n)) {
    if (names.length === MOST_NAMES) break;
    const at = chart.place(across, down);
    if (!chart.isInSight(at)) continue;
    const half = Math.min(70, halfWidth(text));
    const left = Math.min(Math.max(at[0], half + 4), box.clientWidth - half - 4);
    const top = Math.min(at[1] + 16, box.clientHeight - 12);
    if (taken.some(([x, y, across, down]) => Math.abs(left - x) < half + across && Math.abs(top - y) < 9 + down)) continue;
    taken.push([left, top, half, 9]);
    const name = element("span", "", text);
    name.style.left = `${left}px`;
    name.style.top = `${top}px`;
    if (hue) name.style.setProperty("--hue", hue);
    names.push(name);
  }
  chart.names.replaceChildren(...names);
}
