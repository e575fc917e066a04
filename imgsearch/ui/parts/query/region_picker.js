// A picture in which a part is marked by mouse, finger or keyboard, or chosen among those that are suggested. Python is told
// when a gesture is over, not on the way.
// Everything is in fractions of the picture's width and height. A box is {left, top, right, bottom}; null is the whole.
const MIN_SIDE = 0.05; // as in regions.py
const STEP = 0.02; // one press of an arrow key
const ZOOM = 1.25; // one press of + or -
const TAP_PX = 6; // a pointer that moves less has not drawn
const REACH_PX = { mouse: 10, pen: 14, touch: 22 }; // how far from a corner it is still taken
const SETTLE_MS = 450; // keys are pressed several times; the gesture is over when they rest
const CURSORS = { nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize", middle: "move" };

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const round = (value) => Math.round(value * 1000) / 1000;
const textOf = (box) => (box ? [box.left, box.top, box.right, box.bottom].join() : "");

function rounded(box) {
  if (!box) return null;
  const left = round(box.left);
  const top = round(box.top);
  // Rounding must not take from what is smallest.
  const right = round(Math.max(box.right, left + MIN_SIDE));
  const bottom = round(Math.max(box.bottom, top + MIN_SIDE));
  const result = { left, top, right, bottom };
  return textOf(result) === "0,0,1,1" ? null : result;
}

// A box of that size around a place, shifted into the picture.
function around(x, y, width, height) {
  const left = clamp(x - width / 2, 0, 1 - width);
  const top = clamp(y - height / 2, 0, 1 - height);
  return { left, top, right: left + width, bottom: top + height };
}

const widthOf = (box) => box.right - box.left;
const heightOf = (box) => box.bottom - box.top;
const isIn = (box, x, y) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
const moved = (box, dx, dy) =>
  around((box.left + box.right) / 2 + dx, (box.top + box.bottom) / 2 + dy, widthOf(box), heightOf(box));

function zoomed(box, factor) {
  const side = (length) => clamp(length * factor, MIN_SIDE, 1);
  return around((box.left + box.right) / 2, (box.top + box.bottom) / 2, side(widthOf(box)), side(heightOf(box)));
}

function place(element, box) {
  const percent = (value) => `${100 * value}%`;
  element.style.left = percent(box.left);
  element.style.top = percent(box.top);
  element.style.width = percent(widthOf(box));
  element.style.height = percent(heightOf(box));
}

// The box with one corner ("nw" ...) at a place.
function stretched(box, corner, x, y) {
  const result = { ...box };
  if (corner.includes("w")) result.left = clamp(x, 0, box.right - MIN_SIDE);
  if (corner.includes("e")) result.right = clamp(x, box.left + MIN_SIDE, 1);
  if (corner.includes("n")) result.top = clamp(y, 0, box.bottom - MIN_SIDE);
  if (corner.includes("s")) result.bottom = clamp(y, box.top + MIN_SIDE, 1);
  return result;
}

class Picker {
  constructor(root) {
    const find = (name) => root.querySelector(`.${name}`);
    this.stage = find("stage");
    this.picture = find("picture");
    this.boxElement = find("box");
    this.hint = find("hint");
    this.frames = find("frames");
    this.numbers = find("numbers");
    this.instructions = find("instructions");
    this.spoken = find("said");
    this.buttons = { whole: find("whole"), smaller: find("smaller"), larger: find("larger") };
    this.finder = find("find");
    this.box = null;
    this.suggested = []; // boxes
    this.gesture = null; // {pointer, kind, x, y, before, isTap} while a pointer is down
    this.told = ""; // the box that Python last gave
    this.sent = []; // boxes that Python has been told and has not given back yet
    this.timer = 0;

    this.stage.onpointerdown = (event) => this.begin(event);
    this.stage.onpointermove = (event) => (this.gesture ? this.follow(event) : this.hover(event));
    this.stage.onpointerup = (event) => this.end(event);
    this.stage.onpointercancel = () => this.cancel();
    this.stage.onkeydown = (event) => this.press(event);
    this.stage.onblur = () => this.settle();
    this.buttons.whole.onclick = () => this.clear();
    this.buttons.smaller.onclick = () => this.nudge(zoomed(this.box, 1 / ZOOM));
    this.buttons.larger.onclick = () => this.nudge(zoomed(this.box, ZOOM));
    this.finder.onclick = () => this.setTriggerValue("found", true);
  }

  update(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    this.words = Object.fromEntries(data.words);
    const box = data.box && Object.fromEntries(data.box);
    this.stage.style.setProperty("--ratio", data.ratio);
    this.stage.style.setProperty("--max-height", data.max_height);
    this.stage.setAttribute("aria-label", this.words.name);
    this.picture.alt = data.alt;
    this.hint.textContent = this.words.hint;
    this.instructions.textContent = this.words.instructions;
    this.buttons.whole.textContent = this.words.whole;
    for (const name of ["smaller", "larger"]) {
      this.buttons[name].title = this.words[name];
      this.buttons[name].setAttribute("aria-label", this.words[name]);
    }
    this.finder.textContent = this.words.find;
    this.finder.hidden = !data.can_find;
    if (this.picture.getAttribute("src") !== data.src) {
      this.picture.src = data.src;
      this.forget();
    }
    this.suggest(data.suggested.map(Object.fromEntries));
    const told = textOf(box);
    const answered = this.sent.indexOf(told);
    if (answered >= 0) this.sent.splice(0, answered + 1);
    else if (told !== this.told) this.forget(); // the page says something of its own, as Back does
    this.told = told;
    // An answer to an earlier gesture must not undo a later one.
    if (!this.sent.length && !this.gesture && !this.timer) this.show(box ?? null);
  }

  // Draws the parts that are suggested, each as a frame and as a button.
  suggest(boxes) {
    if (boxes.map(textOf).join(" ") !== this.suggested.map(textOf).join(" ")) {
      const frames = boxes.map((box, i) => {
        const frame = document.createElement("div");
        frame.className = "frame";
        frame.dataset.number = i + 1;
        place(frame, box);
        return frame;
      });
      const numbers = boxes.map((box, i) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = i + 1;
        button.onclick = () => this.choose(box);
        return button;
      });
      this.frames.replaceChildren(...frames);
      this.numbers.replaceChildren(...numbers);
    }
    this.suggested = boxes;
    this.numbers.hidden = !boxes.length;
    [...this.numbers.children].forEach((button, i) => {
      button.title = this.words.suggested.replace("{number}", i + 1);
      button.setAttribute("aria-label", button.title);
    });
  }

  choose(box) {
    this.show(box);
    this.commit();
  }

  forget() {
    this.gesture = null;
    this.sent = [];
    clearTimeout(this.timer);
    this.timer = 0;
  }

  show(box) {
    this.box = box;
    this.boxElement.hidden = !box;
    if (box) place(this.boxElement, box);
    this.suggested.forEach((each, i) => {
      const isChosen = textOf(each) === textOf(box);
      this.frames.children[i].classList.toggle("chosen", isChosen);
      this.numbers.children[i].setAttribute("aria-pressed", isChosen);
    });
    const buttons = Object.values(this.buttons);
    // A button that goes away would take the focus with it.
    if (!box && buttons.includes(this.stage.getRootNode().activeElement)) this.stage.focus({ preventScroll: true });
    for (const button of buttons) button.hidden = !box;
    this.hint.hidden = Boolean(box) || this.suggested.length > 0;
  }

  clear() {
    this.show(null);
    this.commit();
  }

  // The gesture is over: Python is told, and who cannot see it hears where the box is.
  commit() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.show(rounded(this.box));
    const now = textOf(this.box);
    if (now === (this.sent.at(-1) ?? this.told)) return;
    this.sent.push(now);
    this.setTriggerValue("marked", this.box ?? { left: 0, top: 0, right: 1, bottom: 1 });
    const percent = (value) => String(Math.round(100 * value));
    this.spoken.textContent = this.box
      ? this.words.marked.replace(/\{(\w+)\}/g, (_, side) => percent(this.box[side]))
      : this.words.unmarked;
  }

  // Changes the box and tells Python once nothing more follows for a moment.
  nudge(box) {
    this.show(box);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.commit(), SETTLE_MS);
  }

  settle() {
    if (this.timer) this.commit();
  }

  place(event) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return { x: clamp((event.clientX - left) / width, 0, 1), y: clamp((event.clientY - top) / height, 0, 1) };
  }

  // What a pointer at a place would take: a corner of the box, its middle, or nothing, be that inside of it or outside.
  target(event) {
    if (!this.box) return "outside";
    const { x, y } = this.place(event);
    const { left, top, right, bottom } = this.box;
    const { width, height } = this.stage.getBoundingClientRect();
    const reach = REACH_PX[event.pointerType] ?? REACH_PX.mouse;
    const side = (place, low, high, pixels, names) => {
      const inwards = Math.min(reach, ((high - low) * pixels) / 3); // so that a small box can still be moved
      const isNear = (outside) => outside * pixels <= reach && -outside * pixels <= inwards;
      return isNear(low - place) ? names[0] : isNear(place - high) ? names[1] : "";
    };
    const corner = [side(y, top, bottom, height, "ns"), side(x, left, right, width, "we")];
    if (corner[0] && corner[1]) return corner.join("");
    const fromMiddle = (place, low, high, pixels) =>
      Math.abs(place - (low + high) / 2) * pixels <= Math.min(reach, ((high - low) * pixels) / 6);
    if (fromMiddle(x, left, right, width) && fromMiddle(y, top, bottom, height)) return "middle";
    return isIn(this.box, x, y) ? "inside" : "outside";
  }

  hover(event) {
    this.stage.style.cursor = CURSORS[this.target(event)] ?? "crosshair";
  }

  begin(event) {
    if (this.gesture) return this.cancel(); // a second finger: this is no drawing
    if (event.button !== 0) return;
    event.preventDefault();
    this.stage.focus({ preventScroll: true });
    this.settle();
    this.stage.setPointerCapture(event.pointerId);
    this.hover(event);
    const start = { ...this.place(event), clientX: event.clientX, clientY: event.clientY };
    this.gesture = { pointer: event.pointerId, kind: this.target(event), start, before: this.box, isTap: true };
  }

  follow(event) {
    const { pointer, kind, start, before } = this.gesture;
    if (event.pointerId !== pointer) return;
    if (this.gesture.isTap && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < TAP_PX) return;
    this.gesture.isTap = false;
    const { x, y } = this.place(event);
    if (kind === "middle") this.show(moved(before, x - start.x, y - start.y));
    else if (["inside", "outside"].includes(kind)) {
      const [left, right] = [start.x, x].sort((a, b) => a - b);
      const [top, bottom] = [start.y, y].sort((a, b) => a - b);
      this.show({ left, top, right, bottom });
    } else this.show(stretched(before, kind, x, y));
  }

  end(event) {
    if (!this.gesture || event.pointerId !== this.gesture.pointer) return;
    const { kind, start, before, isTap } = this.gesture;
    this.gesture = null;
    const tapped = isTap && this.suggestedAt(start.x, start.y);
    if (tapped) this.show(tapped);
    else if (isTap && kind === "outside") {
      // What lies around the place that was tapped: a square of half the short side, or a box of the size that there was.
      const { width, height } = this.stage.getBoundingClientRect();
      const side = Math.min(width, height) / 2;
      this.show(around(start.x, start.y, before ? widthOf(before) : side / width, before ? heightOf(before) : side / height));
    } else if (this.box && (widthOf(this.box) < MIN_SIDE || heightOf(this.box) < MIN_SIDE)) {
      this.show(before); // a slip, or a try to scroll the page
    }
    this.commit();
  }

  // The smallest frame around a place, but for the one that is chosen.
  suggestedAt(x, y) {
    const around = this.suggested.filter((box) => isIn(box, x, y) && textOf(box) !== textOf(this.box));
    return around.sort((a, b) => widthOf(a) * heightOf(a) - widthOf(b) * heightOf(b))[0];
  }

  cancel() {
    if (!this.gesture) return;
    const { before } = this.gesture;
    this.gesture = null;
    this.show(before);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Escape" && this.gesture) this.cancel();
    else if (["Escape", "Delete", "Backspace"].includes(event.key) && this.box) this.clear();
    else if (event.key === "Enter" && this.timer) this.settle();
    else if (this.suggested[event.key - 1]) this.choose(this.suggested[event.key - 1]);
    else if (event.key === "Enter" && !this.box) this.nudge(around(0.5, 0.5, 0.5, 0.5));
    else if (direction && !this.gesture) {
      const [dx, dy] = direction.map((sign) => sign * STEP);
      if (!this.box) this.nudge(around(0.5, 0.5, 0.5, 0.5));
      else if (event.shiftKey) this.nudge(stretched(this.box, "se", this.box.right + dx, this.box.bottom + dy));
      else this.nudge(moved(this.box, dx, dy));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

const pickers = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!pickers.has(parentElement)) pickers.set(parentElement, new Picker(parentElement));
  const picker = pickers.get(parentElement);
  picker.update(data, setTriggerValue);
  return () => picker.forget();
}
