// Streamlit's own words in another language, wherever and whenever Streamlit draws them.
const SCOPES = ["FileUploader", "CameraInput", "StatusWidget", "MainMenu", "MainMenuPopover", "Pagination", "TooltipHoverTarget"]
  .map((name) => `[data-testid="st${name}"]`)
  .join();
const said = new WeakMap(); // a text or an attribute -> what Streamlit wrote there, and what stands for it
let rules = [];
let observer;
let isAsked = false;

function translated(text) {
  for (const [theirs, ours] of rules) {
    const found = theirs.exec(text);
    if (found) return ours.replace("{it}", () => found[1]);
  }
  return text;
}

// What Streamlit has written since stands as it is; what is ours is said anew from what it was.
function say(node) {
  const known = said.get(node);
  const theirs = known?.ours === node.nodeValue ? known.theirs : node.nodeValue;
  const ours = translated(theirs);
  if (ours === node.nodeValue) return;
  said.set(node, { theirs, ours });
  node.nodeValue = ours;
}

function sayAll() {
  isAsked = false;
  for (const scope of document.querySelectorAll(SCOPES)) {
    const texts = document.createTreeWalker(scope, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) say(texts.currentNode);
    for (const each of [scope, ...scope.querySelectorAll("[aria-label]")]) {
      if (each.hasAttribute("aria-label")) say(each.getAttributeNode("aria-label"));
    }
  }
}

// Once for all that has changed since the last one, and still before anybody sees it.
function sayBeforeNextFrame() {
  if (!isAsked) requestAnimationFrame(sayAll);
  isAsked = true;
}

export default function ({ data }) {
  const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace("{it}", "(.+)");
  rules = data.pairs.map(([theirs, ours]) => [new RegExp(`^${escaped(theirs)}$`), ours]);
  sayAll();
  if (!rules.length) {
    observer?.disconnect(); // else every change of the page would be looked at for nothing
    return;
  }
  observer ??= new MutationObserver(sayBeforeNextFrame);
  observer.observe(document.body, {
    subtree: true,
    childList: true,
    characterData: true,
    attributeFilter: ["aria-label"],
  });
}
