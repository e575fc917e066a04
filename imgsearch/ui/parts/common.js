// What the components share: it stands in front of the script of each.
function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text; // never innerHTML: names of files and labels are anybody's text
  return node;
}

// A real link, so that it can be opened in a new tab or copied; a plain click on it stays within the page.
function leadTo(link, href, follow) {
  link.href = href;
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    follow(href);
  };
}
