// A row of links within the page.
const FADE = 64; // px at its right end, as in links.css
const watched = new WeakSet();
const shown = {}; // by the page in the run before: {page, query}

// Its right end fades while there is more to scroll to.
function watch(nav) {
  if (watched.has(nav)) return;
  watched.add(nav);
  const update = () => nav.toggleAttribute("data-more", nav.scrollWidth - nav.clientWidth - nav.scrollLeft > 1);
  nav.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(nav);
}

// Sideways only: scrollIntoView would take the page along, up to the row.
function reveal(nav, link) {
  const [row, place] = [nav, link].map((box) => box.getBoundingClientRect());
  if (place.left < row.left || place.right > row.right - FADE) {
    nav.scrollLeft += (place.left + place.right - row.left - row.right) / 2;
  }
}

// The eye stays where it is, but for what begins elsewhere: another page at its top, another query at its picture, which
// may be far above the one that was picked.
function begin({ page, query }) {
  const before = { ...shown };
  Object.assign(shown, { page, query });
  if (before.page === undefined || (before.page === page && before.query === query)) return;
  const isCalm = before.page !== page || matchMedia("(prefers-reduced-motion: reduce)").matches;
  const place = document.querySelector(before.page === page ? ".st-key-query" : ".st-key-nav");
  place?.scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const nav = parentElement.querySelector("nav");
  nav.setAttribute("aria-label", data.name);
  nav.classList.toggle("bordered", data.bordered);
  nav.classList.toggle("choice", data.choice);
  document.documentElement.lang = data.language; // what a screen reader pronounces the page in
  nav.replaceChildren(
    ...data.links.map((item) => {
      const link = element("a", "", item.text);
      leadTo(link, item.href, (href) => setTriggerValue("followed", href));
      if (item.spoken) link.setAttribute("aria-label", item.spoken);
      if (item.current) link.setAttribute("aria-current", "page");
      if (item.language) link.lang = link.hreflang = item.language;
      return link;
    }),
  );
  watch(nav);
  const current = nav.querySelector("[aria-current]");
  if (current) reveal(nav, current);
  if (data.page) begin(data);
}
