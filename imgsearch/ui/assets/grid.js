// A grid of pictures. Each is a real link (so it can be opened in a new tab or copied) whose plain click searches in place.
function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text; // never innerHTML: names of files are anybody's text
  return node;
}

function card(item, onPick) {
  const link = element("a", "card");
  link.href = item.href;
  link.setAttribute("aria-label", item.description);
  link.title = item.title;
  if (item.current) link.setAttribute("aria-current", "true");
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    onPick(item.id);
  };
  const picture = element("div", "picture");
  const image = element("img");
  image.alt = "";
  image.decoding = "async";
  image.loading = item.eager ? "eager" : "lazy";
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
    fill.style.width = `${item.closeness}%`;
    bar.append(fill);
    line.append(bar);
    words.append(line);
  }
  link.append(words);
  return link;
}

// What the picture belongs to, back in sight: a pick far down the page changes what is at its top.
function showQuery() {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const query = document.querySelector(".st-key-query");
  query?.scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".grid");
  grid.setAttribute("aria-label", data.name);
  grid.classList.toggle("compact", data.compact);
  const onPick = (id) => {
    setTriggerValue("picked", id);
    showQuery();
  };
  const root = grid.getRootNode();
  const focused = [...grid.children].findIndex((entry) => entry.contains(root.activeElement));
  // A card that stays as it was stays in the page: nothing flickers, and little is laid out anew.
  const before = new Map([...grid.children].map((entry) => [entry.dataset.content, entry]));
  const entries = data.items.map((item) => {
    const content = JSON.stringify(item);
    const entry = before.get(content) ?? element("li");
    if (!entry.firstChild) {
      entry.dataset.content = content;
      entry.append(card(item, onPick));
    }
    return entry;
  });
  grid.replaceChildren(...entries);
  if (focused >= 0) entries[Math.min(focused, entries.length - 1)]?.firstChild.focus({ preventScroll: true });
  root.host?.toggleAttribute("data-filled", true); // page.css keeps room until then
}
