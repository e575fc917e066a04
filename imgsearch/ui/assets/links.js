// A row of links within the page.
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
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
