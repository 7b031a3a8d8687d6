const timers = new WeakMap(); // root → the timer that makes it blink; the root outlives new pictures

export default function ({ data, parentElement: root }) {
  const part = (name) => root.querySelector(`.${name}`);
  const [viewer, stage, share, button, pace] = ["viewer", "stage", "share", "blink", "pace"].map(part);
  const names = [...root.querySelectorAll(".name")];

  // Left of the divider lies the first picture, right of it the second.
  const draw = (percent) => {
    viewer.style.setProperty("--share", `${percent}%`);
    names[0].classList.toggle("hidden", Number(percent) === 0);
    names[1].classList.toggle("hidden", Number(percent) === 100);
  };
  const stop = () => {
    clearInterval(timers.get(root));
    timers.delete(root);
    button.setAttribute("aria-pressed", "false");
    draw(share.value);
  };
  const start = () => {
    stop();
    let first = true;
    draw(100);
    timers.set(root, setInterval(() => draw((first = !first) ? 100 : 0), Number(pace.value)));
    button.setAttribute("aria-pressed", "true");
  };
  const drag = (event) => {
    const { left, width } = stage.getBoundingClientRect();
    share.value = (100 * (event.clientX - left)) / width;
    stop();
  };

  ["one", "other"].forEach((side, i) => {
    part(side).src = data.pictures[i];
    part(side).alt = data.names[i];
    names[i].textContent = data.names[i];
  });
  share.setAttribute("aria-label", `Divider between ${data.names[0]} and ${data.names[1]}`);
  share.oninput = stop;
  button.onclick = () => (timers.has(root) ? stop() : start());
  pace.onchange = () => timers.has(root) && start();
  pace.ariaLabel = "Blinking interval";
  stage.onpointerdown = (event) => {
    stage.setPointerCapture(event.pointerId);
    drag(event);
  };
  stage.onpointermove = (event) => stage.hasPointerCapture(event.pointerId) && drag(event);
  return stop;
}
