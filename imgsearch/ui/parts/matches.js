// What two pictures have in common by a descriptor: a row each, with its colours in both and its share.
function line(row) {
  const entry = element("li", "row");
  const swatches = element("span", "swatches");
  for (const color of row.colors) {
    const swatch = element("span", "swatch");
    swatch.style.background = color;
    swatches.append(swatch);
  }
  const words = element("span", "words");
  words.append(element("span", "what", row.what), " ", element("span", "detail", row.detail));
  const bar = element("span", "bar");
  const fill = element("span", "fill");
  fill.style.width = `${row.width}%`;
  bar.append(fill);
  if (row.colors.length) entry.append(swatches, " ");
  entry.append(words, " ", bar, " ", element("span", "share", row.share));
  return entry;
}

export default function ({ data, parentElement }) {
  const list = parentElement.querySelector("ol");
  list.setAttribute("aria-label", data.name);
  list.replaceChildren(...data.rows.map(line));
}
