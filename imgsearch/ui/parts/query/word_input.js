// A field for a word: a combobox of ARIA with a list that completes what is typed.
const MOST_SHOWN = 8;
const files = new Map(); // URL -> promise of {words, examples}; of all fields of the page
const made = new WeakMap(); // root -> its field
let n_made = 0;

function load(url) {
  if (!files.has(url)) {
    const read = async () => {
      const response = await fetch(url);
      if (!response.ok) throw new Error(String(response.status));
      const { words, examples } = await response.json();
      return { examples, words: words.map((text) => ({ text, plain: plain(text) })) };
    };
    // Without the list a word can be typed all the same; the next time it is tried again.
    files.set(url, read().catch(() => (files.delete(url), { words: [], examples: [] })));
  }
  return files.get(url);
}

// As two ways of writing a word are compared: small letters without accents, Korean composed.
function plain(text) {
  const apart = text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  return apart.normalize("NFC").replace(/[\s_-]+/g, " ").trim();
}

// A syllable that is still being typed: what closes it may open the next one ("공" on the way to "고양이").
function open(text) {
  const last = text.charCodeAt(text.length - 1) - 0xac00;
  return last >= 0 && last < 11172 && last % 28 ? text.slice(0, -1) + String.fromCharCode(0xac00 + last - (last % 28)) : "";
}

// The better, the smaller; those that do not fit have none.
function rank(plainText, typed, opened) {
  if (plainText.startsWith(typed)) return 0;
  if (plainText.includes(` ${typed}`) || plainText.includes(`(${typed}`)) return 1;
  if (plainText.includes(typed)) return 2;
  return opened && plainText.startsWith(opened) ? 3 : undefined;
}

function complete(words, text) {
  const typed = plain(text);
  if (!typed) return [];
  const opened = open(typed);
  const fits = words.map((word, at) => ({ text: word.text, at, rank: rank(word.plain, typed, opened) }));
  const found = fits.filter((fit) => fit.rank !== undefined);
  return found.sort((one, other) => one.rank - other.rank || one.at - other.at).slice(0, MOST_SHOWN).map((fit) => fit.text);
}

class Field {
  constructor(root) {
    this.input = root.querySelector("input");
    this.list = root.querySelector("ul");
    this.nav = root.querySelector("nav");
    this.status = root.querySelector("[role=status]");
    const id = `words${++n_made}`;
    this.input.id = root.querySelector("label").htmlFor = id;
    this.list.id = `${id}-list`;
    this.input.setAttribute("aria-controls", this.list.id);
    this.label = root.querySelector("label");
    this.active = -1;
    this.turn = 0;
    this.input.addEventListener("focus", () => this.offer());
    this.input.addEventListener("input", () => this.offer(true));
    this.input.addEventListener("blur", () => this.close());
    this.input.addEventListener("keydown", (event) => this.press(event));
    // Before the field loses the focus, which would close the list.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.ask(option.textContent);
    });
  }

  draw(data, send) {
    Object.assign(this, { data, send });
    this.label.textContent = data.label;
    this.label.classList.toggle("tight", data.tight);
    this.input.placeholder = data.placeholder;
    this.list.setAttribute("aria-label", data.label);
    if (this.query !== data.query) {
      this.query = data.query;
      this.input.value = data.value;
      this.close();
    }
    this.nav.setAttribute("aria-label", data.examplesName);
    this.nav.hidden = !data.exampleHref;
    if (data.exampleHref) this.drawExamples();
  }

  async drawExamples() {
    const { url, exampleHref } = this.data;
    const { examples } = await load(url);
    if (this.data.url !== url) return;
    this.nav.replaceChildren(
      ...examples.map((text) => {
        const link = element("a", "", text);
        leadTo(link, exampleHref + encodeURIComponent(text), (href) => this.send("followed", href));
        return link;
      }),
    );
    this.fit ??= new ResizeObserver(() => this.hideWhatHasNoRoom());
    this.fit.observe(this.nav);
  }

  // One row of examples: nobody comes by keyboard to what is not seen.
  hideWhatHasNoRoom() {
    for (const link of this.nav.children) {
      link.style.visibility = link.offsetTop > this.nav.firstChild.offsetTop ? "hidden" : "visible";
    }
  }

  async offer(isTyped = false) {
    const turn = ++this.turn;
    const { words } = await load(this.data.url);
    if (turn !== this.turn) return; // something else was typed meanwhile, or nothing is any more
    const found = isTyped ? complete(words, this.input.value) : [];
    this.active = -1;
    this.list.replaceChildren(
      ...found.map((text, at) => {
        const option = element("li", "", text);
        option.setAttribute("role", "option");
        option.id = `${this.list.id}-${at}`;
        return option;
      }),
    );
    this.show(found.length > 0);
    const isKnown = !this.input.value.trim() || !isTyped;
    this.status.textContent = isKnown ? "" : found.length ? this.data.found.replace("{n}", found.length) : this.data.none;
  }

  show(isShown) {
    this.list.hidden = !isShown;
    this.input.setAttribute("aria-expanded", String(isShown));
    this.mark(-1);
  }

  close() {
    this.turn++;
    this.show(false);
    this.status.textContent = "";
  }

  mark(active) {
    this.active = active;
    [...this.list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
    const option = this.list.children[active];
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.input.setAttribute("aria-activedescendant", option.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  press(event) {
    if (event.isComposing) return; // of a Korean keyboard: the key ends a syllable
    const n = this.list.children.length;
    const isOpen = !this.list.hidden;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && n) {
      event.preventDefault();
      if (!isOpen) this.show(true);
      // Past either end lies the field itself.
      this.mark(((this.active + 1 + step + n + 1) % (n + 1)) - 1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.ask(isOpen && this.active >= 0 ? this.list.children[this.active].textContent : this.input.value);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (isOpen) this.close();
      else this.input.value = "";
    }
  }

  ask(text) {
    if (!text.trim()) return;
    this.input.value = text.trim();
    this.close();
    if (matchMedia("(hover: none)").matches) this.input.blur(); // which takes the keyboard off the results
    this.query = undefined; // so that the answer sets the field
    this.send("asked", text.trim());
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".field");
  if (!made.has(root)) made.set(root, new Field(root));
  made.get(root).draw(data, setTriggerValue);
}
