// Values as bars from 0 to 1, with their intervals; a row that leads somewhere is a link.
const percent = (value) => `${100 * Math.min(1, Math.max(0, value))}%`;

function bar(row, follow) {
  const line = element(row.href ? "a" : "div", "row");
  if (row.href) {
    leadTo(line, row.href, follow);
    line.title = row.title;
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
  if (row.chance !== undefined && row.chance !== null) {
    const chance = element("span", "chance");
    chance.style.left = percent(row.chance);
    track.append(chance);
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
