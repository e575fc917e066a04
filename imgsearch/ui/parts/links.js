// A row of links within the page.
const watched = new WeakSet();

// Its right end fades while there is more to scroll to.
function watch(nav) {
  if (watched.has(nav)) return;
  watched.add(nav);
  const update = () => nav.toggleAttribute("data-more", nav.scrollWidth - nav.clientWidth - nav.scrollLeft > 1);
  nav.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(nav);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const nav = parentElement.querySelector("nav");
  nav.setAttribute("aria-label", data.name);
  nav.classList.toggle("bordered", data.bordered);
  document.documentElement.lang = data.language; // what a screen reader pronounces the page in
  nav.replaceChildren(
    ...data.links.map((item) => {
      const link = element("a", "", item.text);
      leadTo(link, item.href, (href) => setTriggerValue("followed", href));
      if (item.current) link.setAttribute("aria-current", "page");
      if (item.language) link.lang = link.hreflang = item.language;
      return link;
    }),
  );
  watch(nav);
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
