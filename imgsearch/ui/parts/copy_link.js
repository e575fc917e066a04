// Copies a link, and says so.
const SAID_MS = 2500;
const LINK =
  "M11 17H7A5 5 0 0 1 7 7h4v2H7a3 3 0 0 0 0 6h4zm-3-4v-2h8v2zm5 4v-2h4a3 3 0 0 0 0-6h-4V7h4a5 5 0 0 1 0 10z";
const CHECK = "m9.5 18-5.7-5.7 1.5-1.4 4.2 4.2 9.2-9.2 1.5 1.4z";
const timers = new WeakMap();

// The browser may keep its clipboard to itself, as without TLS and in frames of others: then as people copy.
async function copy(input) {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    input.hidden = false;
    input.select();
    return document.execCommand("copy");
  }
}

export default function ({ data, parentElement }) {
  const [button, words, symbol, input, said] = ["button", ".words", "path", "input", ".spoken"].map((part) =>
    parentElement.querySelector(part),
  );
  const show = (text, path, spoken) => {
    words.textContent = button.title = text;
    symbol.setAttribute("d", path);
    said.textContent = spoken;
  };
  const rest = () => {
    timers.delete(button);
    show(data.button, LINK, "");
  };
  if (!timers.has(button)) rest();
  button.setAttribute("aria-label", data.button); // on a phone there is no room for its words
  input.setAttribute("aria-label", data.by_hand);
  button.onclick = async () => {
    input.value = location.origin + location.pathname + data.href;
    const isCopied = await copy(input);
    input.hidden = isCopied; // else it stays, selected, to be copied by hand
    if (isCopied) button.focus({ preventScroll: true });
    button.style.minWidth = `${button.offsetWidth}px`; // what is beside it stays where it is
    show(isCopied ? data.copied : data.button, isCopied ? CHECK : LINK, isCopied ? data.copied_spoken : data.by_hand);
    clearTimeout(timers.get(button));
    timers.set(button, setTimeout(rest, SAID_MS));
  };
}
