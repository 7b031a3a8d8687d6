// Copies the page's address, and tells through the browser of runs that ended while somebody looked elsewhere.
const WANTED = "ddcore notifications"; // in the browser's own storage: "yes" once a person asked for them
const told = new Set();
let before; // what the page showed at the last look

async function copy(button, address) {
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy link"; }, 2000);
  } catch { // there is no clipboard without https, but on this machine: the person copies by hand
    address.hidden = false;
    address.value = location.href;
    address.select();
  }
}

const wanted = () => localStorage.getItem(WANTED) === "yes" && Notification.permission === "granted";

async function choose(button) {
  const on = !wanted() && await Notification.requestPermission() === "granted";
  localStorage.setItem(WANTED, on ? "yes" : "no");
  draw(button);
}

function draw(button) {
  const refused = Notification.permission === "denied";
  button.setAttribute("aria-pressed", wanted());
  button.disabled = refused;
  button.textContent = refused ? "Notifications are blocked by this browser" : "Notify me at the end";
}

let unseen = ""; // in front of the tab's title, until somebody looks at this window
let marking;

// In front of the tab's title stands what ended, until somebody looks at it.
function mark(words) {
  strip();
  unseen = words;
  marking ??= setInterval(() => { // Streamlit writes the title anew with every page that it draws
    strip();
    if (document.hasFocus()) unseen = "";
    if (unseen) document.title = unseen + document.title;
  }, 500);
}

function strip() {
  if (unseen && document.title.startsWith(unseen)) document.title = document.title.slice(unseen.length);
}

// Streamlit keeps the place when the same page opens something else: it would be read from its middle.
function begin(opened) {
  if (before !== undefined && before !== opened) document.querySelector("[data-testid=stMain]").scrollTo(0, 0);
  before = opened;
}

export default function ({ parentElement, data }) {
  begin(data.opened);
  const [copier, notifier, address] = [".copy", ".notify", ".address"].map((one) => parentElement.querySelector(one));
  copier.onclick = () => copy(copier, address);
  const ended = data.ended.filter((one) => !told.has(one.id));
  ended.forEach(({ id }) => told.add(id));
  if (data.in_tab && ended.length && !document.hasFocus()) mark(ended.at(-1).tab);
  if (!("Notification" in window)) return;
  notifier.hidden = !data.active && !wanted();
  notifier.onclick = () => choose(notifier);
  draw(notifier);
  for (const { id, title, body } of wanted() && !document.hasFocus() ? ended : []) {
    new Notification(title, { body, tag: id }).onclick = () => window.focus();
  }
}
