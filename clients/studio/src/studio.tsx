// The page: puts together what the other files are, and draws.

import { render } from "preact";
import { Files } from "./files";
import { Keys } from "./keys";
import { Over, type Load } from "./over";
import { Panel } from "./panel";
import { Roll } from "./roll";
import { Session } from "./session";
import { fromLink, toLink } from "./settings";
import { Sound } from "./sound";
import { takeOf, type Take } from "./take";
import { Modes, Transport, type Page } from "./transport";
import { position, viewOf } from "./view";

const REFRESH_MS = 500;
const SETTLES_MS = 1500; // so long the roll glides on
const element = <Kind extends HTMLElement>(id: string) => document.getElementById(id) as Kind;

let load: Load = "loading";
let loaded: Sound | null = null;
let isDue = false;
let movedAt = 0;
let drawnAt = -Infinity;

const session = new Session(fromLink(location.hash), {
  changed: refresh,
  light: (pitch, light, on) => {
    keys.light(pitch, light, on);
    keys.hint(session.isOn && !session.room.isGuest ? session.phrase.next : null);
  },
});
session.room.name = new URLSearchParams(location.hash.slice(1)).get("join") ?? "";
const keys = new Keys(element("piano"), session.hands, refresh);
const roll = new Roll(element<HTMLCanvasElement>("roll"));

const page: Page = {
  session,
  isPanelOpen: false,
  togglePanel() {
    page.isPanelOpen = document.body.classList.toggle("with-panel");
    refresh();
  },
  toggleTheme() {
    const dark = getComputedStyle(document.body).colorScheme.includes("dark");
    showTheme(dark ? "light" : "dark");
  },
  files: new Files(refresh, (reason) => session.tell(reason)),
  take: () => takeOf(session),
  listen: (take) => void listen(take),
  remove(take) {
    if (session.replay.take?.at === take.at) session.replay.stop();
    void session.takes.forget(take);
  },
  share: () => void copy(toLink(session.settings), "A link to these settings is on the clipboard."),
  invite: () => void copy(`join=${session.room.name || session.connection.session}`, "The link is on the clipboard: who opens it plays along."),
};

async function copy(hash: string, done: string): Promise<void> {
  const link = `${location.origin}${location.pathname}#${hash}`;
  try {
    await navigator.clipboard.writeText(link);
    session.tell(done);
  } catch {
    session.tell(link); // no clipboard: at least to be read
  }
}

async function turnOn(): Promise<void> {
  if (!loaded) return;
  await session.turnOn(loaded);
  if (localStorage.getItem("midi") === "granted") void session.midi.open();
  element("piano").focus();
  keys.hint(session.room.isGuest ? null : session.phrase.next);
}

async function listen(take: Take): Promise<void> {
  const { replay } = session;
  if (!session.isOn) await turnOn();
  if (replay.take?.at === take.at) replay.stop();
  else if (session.sound) replay.start(take, session.sound);
  if (page.isPanelOpen) page.togglePanel(); // a narrow window shows the roll again
  refresh();
}

function showTheme(theme: string | null): void {
  if (!theme) return;
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  repaint();
}

function repaint(): void {
  roll.repaint();
  drawnAt = -Infinity;
}

function refresh(): void {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    render(<Transport page={page} />, element("transport"));
    render(<Modes session={session} />, element("modes"));
    render(<Over session={session} load={load} turnOn={() => void turnOn()} />, element("over"));
    render(<Panel page={page} keys={keys} />, element("panel"));
    if (session.midi.permission === "granted") localStorage.setItem("midi", "granted");
  });
}

// At every frame while something moves; a page that rests leaves the processor, and the battery, alone.
function draw(at: number): void {
  requestAnimationFrame(draw);
  if (session.plays || session.replay.take || session.watch.sessions.size) movedAt = at;
  if (at - movedAt > SETTLES_MS && at - drawnAt < REFRESH_MS) return;
  drawnAt = at;
  const view = viewOf(session);
  roll.draw(view, at);
  const text = position(view);
  const place = element("position");
  if (place.textContent !== text) place.textContent = text;
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape") session.panic();
  const isFree = event.target instanceof Element && !event.target.closest("button, input, select");
  if (event.code === "Space" && isFree && session.isOn) {
    event.preventDefault();
    if (session.plays) session.stop();
    else session.play();
  }
});
// What the mouse has chosen from or clicked gives the keys back to the music.
let pointed = false;
addEventListener("pointerdown", () => (pointed = true), true);
addEventListener("keydown", () => (pointed = false), true);
for (const used of ["change", "click"]) {
  addEventListener(used, ({ target }) => {
    const choice = target instanceof Element && target.closest<HTMLElement>(used === "click" ? "button" : "select, input");
    if (pointed && choice) choice.blur();
  });
}
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  const file = event.dataTransfer?.files[0];
  if (file) void session.drop(file);
});
document.addEventListener("visibilitychange", () => document.hidden && session.keep()); // it may be the last that we see
addEventListener("pagehide", () => {
  session.stop();
  session.takes.leave();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
new ResizeObserver(repaint).observe(element("roll"));

element("over").replaceChildren(); // no words about old browsers
showTheme(localStorage.getItem("theme"));
refresh();
requestAnimationFrame(draw);
setInterval(refresh, REFRESH_MS);
new Worker("built/ticker.js").onmessage = () => session.wake();
Sound.load()
  .then((sound) => ([loaded, load] = [sound, "ready"]))
  .catch(() => (load = "failed"))
  .finally(refresh);

// For whoever wants to look inside, the tests among them.
Object.assign(window, { tradefours: { session, roll, keys, view: () => viewOf(session) } });
