// A grid of pictures, each a link.
const SHORT_SIDES = { small: 224, src: 320 }; // px of the two files of a thumbnail, of which the browser takes one

function card(item, width, follow) {
  const link = element("a", "card");
  leadTo(link, item.href, follow);
  link.setAttribute("aria-label", item.description);
  link.title = item.title;
  if (item.current) link.setAttribute("aria-current", "true");
  const picture = element("div", "picture");
  const image = element("img");
  image.alt = "";
  image.decoding = "async";
  image.loading = item.eager ? "eager" : "lazy";
  if (item.small) {
    image.sizes = `${width}px`;
    image.srcset = Object.entries(SHORT_SIDES).map(([file, side]) => `${item[file]} ${side}w`).join(", ");
  }
  image.src = item.src;
  picture.append(image);
  if (item.rank) picture.append(element("span", "rank", String(item.rank)));
  link.append(picture, " "); // the spaces part the words for who reads the text without the boxes
  if (!item.label) return link;
  const words = element("div", "words");
  const label = element("div", "label");
  label.append(element("span", "name", item.label));
  if (item.same) label.append(" ", element("span", "same", "✓"));
  words.append(label, " ");
  if (item.distance !== undefined) {
    const line = element("div", "distance");
    line.append(element("span", "", item.distance));
    const bar = element("div", "bar");
    const fill = element("span");
    fill.style.width = `${item.nearness}%`;
    bar.append(fill);
    line.append(bar);
    if (item.short) line.append(" ", element("span", "note", item.note));
    words.append(line);
  }
  if (item.note && !item.short) words.append(" ", element("div", "note", item.note));
  link.append(words);
  return link;
}

const THUMB =
  "M2 10h4v11H2zm6 11V10l5-8c1.6 0 2.6 1.2 2.3 2.8L14.6 9H20c1.3 0 2.3 1.2 2 2.5l-1.8 7.7A2.3 2.3 0 0 1 18 21z";
const SYMBOLS = { like: THUMB, dislike: THUMB };

function symbol(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

// A dialog that a button opens gives the focus to nobody when it closes, as the button lies in a shadow root.
function refocusAfterDialog(grid, action, id) {
  const isOpen = () => Boolean(document.querySelector('[role="dialog"]'));
  let wasOpen = false;
  const watch = new MutationObserver(() => {
    if (isOpen() === wasOpen) return;
    wasOpen = !wasOpen;
    if (wasOpen) return;
    watch.disconnect();
    const entry = [...grid.children].find((each) => each.dataset.id === id);
    // After the dialog has let go of the focus.
    requestAnimationFrame(() => entry?.querySelector(`button.${action}`)?.focus({ preventScroll: true }));
  });
  watch.observe(document.body, { childList: true, subtree: true });
}

// Buttons beside the link, not in it; they lie over the picture.
function buttons(item, words, act) {
  const row = element("div", "actions");
  for (const [action, text] of words) {
    const button = element("button", action, SYMBOLS[action] ? undefined : "?");
    button.type = "button";
    button.title = text.replace("{name}", () => `${item.rank}. ${item.label}`);
    button.setAttribute("aria-label", button.title);
    if (action === "like") button.setAttribute("aria-pressed", String(item.liked));
    if (SYMBOLS[action]) button.append(symbol(SYMBOLS[action]));
    button.onclick = () => act(action, item.id);
    row.append(button);
  }
  return row;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".grid");
  grid.setAttribute("aria-label", data.name);
  grid.classList.toggle("compact", data.compact);
  grid.classList.toggle("strip", data.strip);
  grid.classList.toggle("calm", data.calm);
  const follow = (href) => setTriggerValue("followed", href);
  const root = grid.getRootNode();
  const act = (action, id) => {
    if (action === "why") refocusAfterDialog(grid, action, id);
    setTriggerValue("acted", { action, id });
  };
  const width = Math.ceil(parseFloat(getComputedStyle(grid).gridTemplateColumns)) || SHORT_SIDES.src; // of a column, px
  const focused = [...grid.children].findIndex((entry) => entry.contains(root.activeElement));
  const button = root.activeElement?.closest("button")?.className;
  const { id } = grid.children[focused]?.dataset ?? {};
  // A card that stays as it was stays in the page: nothing flickers, and little is laid out anew.
  const before = new Map([...grid.children].map((entry) => [entry.dataset.content, entry]));
  const entries = data.items.map((item) => {
    const content = JSON.stringify(item);
    const entry = before.get(content) ?? element("li");
    if (!entry.firstChild) {
      entry.dataset.content = content;
      entry.dataset.id = item.id;
      entry.append(card(item, width, follow));
      if (data.actions) entry.append(buttons(item, data.actions, act));
    }
    return entry;
  });
  grid.replaceChildren(...entries);
  if (focused >= 0) {
    // A pick keeps its place in the grid; a button stays with its card, wherever that has gone.
    const same = button && entries.find((entry) => entry.dataset.id === id);
    const entry = same ?? entries[Math.min(focused, entries.length - 1)];
    (entry?.querySelector(button ? `button.${button}` : "a") ?? entry?.firstChild)?.focus({ preventScroll: true });
  }
  root.host?.toggleAttribute("data-filled", true); // page.css keeps room until then
}
