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

// Streamlit keeps the place when the same page opens something else: it would be read from its middle.
function begin(opened) {
  if (before !== undefined && before !== opened) document.querySelector("[data-testid=stMain]").scrollTo(0, 0);
  before = opened;
}

export default function ({ parentElement, data }) {
  begin(data.opened);
  const [copier, notifier, address] = [".copy", ".notify", ".address"].map((one) => parentElement.querySelector(one));
  copier.onclick = () => copy(copier, address);
  if (!("Notification" in window)) return;
  notifier.hidden = !data.active && !wanted();
  notifier.onclick = () => choose(notifier);
  draw(notifier);
  for (const { id, title, body } of data.ended.filter((one) => !told.has(one.id))) {
    told.add(id);
    if (wanted() && !document.hasFocus()) new Notification(title, { body, tag: id }).onclick = () => window.focus();
  }
}
