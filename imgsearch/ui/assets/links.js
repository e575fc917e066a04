// A row of links within the page. Each is a real link (so it can be opened in a new tab or copied) whose plain click stays here.
export default function ({ data, parentElement, setTriggerValue }) {
  const nav = parentElement.querySelector("nav");
  nav.setAttribute("aria-label", data.name);
  nav.classList.toggle("bordered", data.bordered);
  document.documentElement.lang = data.language; // what a screen reader pronounces the page in
  nav.replaceChildren(
    ...data.links.map((item) => {
      const link = document.createElement("a");
      link.textContent = item.text;
      link.href = item.href;
      if (item.current) link.setAttribute("aria-current", "page");
      if (item.language) link.lang = link.hreflang = item.language;
      link.onclick = (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        setTriggerValue("followed", item.href);
      };
      return link;
    }),
  );
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
