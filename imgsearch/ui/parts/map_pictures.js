// Thumbnails on the map: of what is in sight, where there is room for one, fetched when the map has come to rest.
const MOST_PICTURES = 80; // in sight at a time
const MOST_KEPT = 320;
const MOST_LOADING = 6;
const REST_MS = 120;
const FEW = 60; // so many points or fewer are pictures from the start
const PICTURES_FROM = 1.9; // zoom

class Pictures {
  constructor(changed) {
    this.changed = changed;
    this.kept = new Map(); // URL -> image; the one used last is at the end
    this.wanted = [];
    this.loading = 0;
  }

  // The image, or null as long as it is not there.
  get(url) {
    const image = this.kept.get(url);
    if (!image) {
      this.wanted.push(url);
      return null;
    }
    this.kept.delete(url);
    this.kept.set(url, image);
    return image.isReady ? image : null;
  }

  // Called before each drawing: what the last one wanted and has not begun to load is not wanted any more.
  begin() {
    this.wanted = [];
    clearTimeout(this.timer);
  }

  end() {
    if (this.wanted.length) this.timer = setTimeout(() => this.load(), REST_MS);
  }

  load() {
    while (this.wanted.length && this.loading < MOST_LOADING) {
      const url = this.wanted.shift();
      if (this.kept.has(url)) continue;
      const image = new Image();
      const over = (isReady) => {
        this.loading--;
        image.isReady = isReady;
        this.load();
        if (isReady) this.changed();
      };
      this.loading++;
      this.kept.set(url, image);
      image.onload = () => over(true);
      image.onerror = () => over(false);
      image.src = url;
    }
    for (const url of this.kept.keys()) {
      if (this.kept.size <= MOST_KEPT) break;
      this.kept.delete(url);
    }
  }
}

// Which points are drawn as pictures of that side: the first of `order` that are in sight and do not cover each other.
function pictured(order, at, side, width, height) {
  const taken = new Map();
  const cell = (px, py) => `${Math.floor(px / side)},${Math.floor(py / side)}`;
  const chosen = new Set();
  for (const i of order) {
    const [px, py] = at(i);
    if (px < 0 || py < 0 || px > width || py > height) continue;
    let isFree = true;
    for (const dx of [-side, 0, side]) {
      for (const dy of [-side, 0, side]) {
        for (const [ox, oy] of taken.get(cell(px + dx, py + dy)) ?? []) {
          isFree &&= Math.abs(px - ox) >= side || Math.abs(py - oy) >= side;
        }
      }
    }
    if (!isFree) continue;
    const key = cell(px, py);
    taken.set(key, [...(taken.get(key) ?? []), [px, py]]);
    chosen.add(i);
    if (chosen.size === MOST_PICTURES) break;
  }
  return chosen;
}

// The middle of a picture, filling a square.
function drawCovering(context, image, left, top, side) {
  const cut = Math.min(image.naturalWidth, image.naturalHeight);
  const x = (image.naturalWidth - cut) / 2;
  const y = (image.naturalHeight - cut) / 2;
  context.drawImage(image, x, y, cut, cut, left, top, side, side);
}
