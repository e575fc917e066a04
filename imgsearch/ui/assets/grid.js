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
  link.append(picture);
  if (!item.label) return link;
  const words = element("div", "words");
  const label = element("div", "label");
  label.append(element("span", "name", item.label));
  if (item.same) label.append(element("span", "same", "✓"));
  words.append(label);
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

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".grid");
  grid.setAttribute("aria-label", data.name);
  grid.classList.toggle("compact", data.compact);
  grid.replaceChildren(
    ...data.items.map((item) => {
      const entry = element("li");
      entry.append(card(item, (id) => setTriggerValue("picked", id)));
      return entry;
    }),
  );
}
