// Groups of pictures, each a link, with a button that says which one of a group is kept.
function groupCard(item, words, follow, keep) {
  const entry = element("li", item.kept ? "card kept" : "card");
  const link = element("a", "picture");
  leadTo(link, item.href, follow);
  link.title = item.search;
  link.setAttribute("aria-label", item.search);
  const image = element("img");
  image.alt = "";
  image.loading = "lazy";
  image.decoding = "async";
  image.src = item.src;
  link.append(image);
  const button = element("button", "", item.kept ? words.kept : words.keep);
  button.type = "button";
  button.dataset.id = item.id;
  button.setAttribute("aria-label", `${button.textContent}: ${item.id}`);
  button.setAttribute("aria-pressed", String(item.kept));
  button.onclick = () => keep(item.id);
  const name = element("span", "name", item.id.split("/").pop());
  name.title = item.id;
  entry.append(link, name, element("span", "", item.size), element("span", "kind", item.kind), button);
  return entry;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".groups");
  const root = list.getRootNode();
  const words = Object.fromEntries(data.words);
  const focused = root.activeElement?.closest("button")?.dataset.id;
  list.setAttribute("aria-label", data.name);
  list.replaceChildren(
    ...data.groups.map((group) => {
      const entry = element("li", "group");
      const cards = element("ul");
      const follow = (href) => setTriggerValue("followed", href);
      const keep = (id) => setTriggerValue("kept", id);
      cards.append(...group.cards.map((item) => groupCard(item, words, follow, keep)));
      cards.setAttribute("aria-label", group.title);
      entry.append(element("p", "title", group.title), cards);
      return entry;
    }),
  );
  if (focused) [...list.querySelectorAll("button")].find((each) => each.dataset.id === focused)?.focus({ preventScroll: true });
  root.host?.toggleAttribute("data-filled", true);
}
