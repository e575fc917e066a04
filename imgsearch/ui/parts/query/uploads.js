// Files on their way to an uploader: from anywhere on the page, and made smaller where they are over its limit.
const LONG_SIDE = 1600; // px
const QUALITY = 0.9;
const WRITING = "textarea, [contenteditable], input:not([type=file], [type=range], [type=checkbox], [type=radio], [type=button])";

let drawn; // last: {root, uploader, most, words}
let isHandingOn = false;
let isOurs = false; // what is dragged comes from this page

// The uploader's own input; null where this is not on the page any more.
function input() {
  return drawn.root.isConnected ? document.querySelector(`[class*="st-key-${drawn.uploader}"] input[type=file]`) : null;
}

function say(...lines) {
  drawn.root.querySelector(".said").replaceChildren(...lines.map((line) => element("p", "", line)));
}

function offer(isOffered) {
  drawn.root.querySelector(".target").hidden = !isOffered;
}

// A picture as a small JPEG, as upright as it is shown, or null where the browser cannot read it.
async function smaller(file) {
  const picture = new Image();
  picture.src = URL.createObjectURL(file);
  try {
    await picture.decode();
    const scale = Math.min(1, LONG_SIDE / Math.max(picture.naturalWidth, picture.naturalHeight));
    const canvas = element("canvas");
    canvas.width = Math.max(1, Math.round(picture.naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(picture.naturalHeight * scale));
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white"; // what the server puts behind what is transparent
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    return jpeg && new File([jpeg], `${file.name.replace(/\.[^.]*$/, "")}.jpg`, { type: "image/jpeg" });
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(picture.src);
  }
}

// To the uploader, as if they had been chosen there.
function handOn(files) {
  const target = input();
  if (!target || !files.length) return;
  const transfer = new DataTransfer();
  files.forEach((file) => transfer.items.add(file));
  target.files = transfer.files;
  isHandingOn = true;
  target.dispatchEvent(new Event("change", { bubbles: true }));
  isHandingOn = false;
}

async function take(files, ...remarks) {
  const { most, words } = drawn;
  const isLarge = (file) => file.size > most;
  say(...remarks, ...(files.some(isLarge) ? [words.shrinking] : []));
  const taken = [];
  for (const file of files) {
    const fit = isLarge(file) ? await smaller(file) : file;
    if (fit && !isLarge(fit)) taken.push(fit);
    else {
      const facts = { "{name}": file.name, "{mb}": (file.size / 2 ** 20).toFixed(1) };
      remarks.push(words.too_large.replace(/\{name\}|\{mb\}/g, (place) => facts[place]));
    }
  }
  say(...remarks);
  handOn(taken);
}

function stop(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

function onChoice(event) {
  const target = input();
  if (isHandingOn || !target || event.composedPath()[0] !== target) return;
  const files = [...target.files];
  if (files.every((file) => file.size <= drawn.most)) say();
  else {
    stop(event);
    take(files);
  }
}

function onPaste(event) {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length || !input() || event.composedPath()[0].matches?.(WRITING)) return;
  stop(event);
  take(files);
}

// Pictures of the page that are dragged about come as files too.
function onDrag(event) {
  if (isOurs || !event.dataTransfer?.types.includes("Files") || !input()) return;
  stop(event); // else the browser leaves the page for the file
  if (event.type === "drop") {
    const items = [...event.dataTransfer.items];
    const isFolder = items.some((item) => item.webkitGetAsEntry?.()?.isDirectory);
    const files = items.filter((item) => !item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.getAsFile());
    take(files.filter(Boolean), ...(isFolder ? [drawn.words.folder] : []));
  } else if (event.type === "dragover") {
    event.dataTransfer.dropEffect = "copy";
  }
  offer(event.type === "dragenter" || event.type === "dragover" || (event.type === "dragleave" && event.relatedTarget));
}

// Once for as long as the page is open, and before anybody else's.
function listen() {
  const on = (type, handler) => window.addEventListener(type, handler, { capture: true });
  on("change", onChoice);
  on("paste", onPaste);
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) on(type, onDrag);
  on("dragstart", () => (isOurs = true));
  for (const type of ["dragend", "pointermove"]) on(type, () => (isOurs = false)); // the pointer moves only after a drag
}

export default function ({ data, parentElement }) {
  if (!drawn) listen();
  drawn = { root: parentElement, uploader: data.uploader, most: data.most, words: Object.fromEntries(data.words) };
  parentElement.querySelector(".target p").textContent = drawn.words.drop;
}
