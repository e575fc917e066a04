// Values as bars from 0 to 1, with their intervals; a row that leads somewhere is a link.
function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text; // never innerHTML: labels are anybody's text
  return node;
}

const percent = (value) => `${100 * Math.min(1, Math.max(0, value))}%`;

function bar(row, follow) {
  const line = element(row.href ? "a" : "div", "row");
  if (row.href) {
    line.href = row.href;
    line.title = row.title;
    line.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      follow(row.href);
    };
  }
  line.toggleAttribute("data-current", Boolean(row.current));
  const track = element("span", "track");
  track.setAttribute("aria-hidden", "true");
  const fill = element("span", "fill");
  fill.style.width = percent(row.value);
  track.append(fill);
  if (row.high !== undefined && row.high !== null) {
    const interval = element("span", "interval");
    interval.style.left = percent(row.low);
    interval.style.width = `calc(${percent(row.high)} - ${percent(row.low)})`;
    track.append(interval);
  }
  line.append(element("span", "name", row.name), " ", track, " ", element("span", "value", row.text));
  return line;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".bars");
  list.setAttribute("aria-label", data.name);
  list.replaceChildren(
    ...data.rows.map((row) => {
      const entry = element("li");
      entry.append(bar(row, (href) => setTriggerValue("followed", href)));
      return entry;
    }),
  );
}
