// The page at /status: how the server is, once a second. Shows what `/v1/status` says and knows no more.

import { STORE } from "./access";

const EVERY_MS = 1000;

interface ServerStatus {
  version: string;
  model: string;
  backend: string;
  uptime_s: number;
  reason: string | null;
  sessions: number;
  sessions_waiting: number;
  capacity: number;
  connections: number;
  busy_share: number;
  tokens_per_second: number;
  reaction_p50_ms: number | null;
  reaction_p95_ms: number | null;
  notes_late: number;
  rests: number;
  jobs_waiting: number;
  jobs_running: number;
  jobs_ended: number;
}

const state = document.querySelector<HTMLElement>("#state")!;
const form = document.querySelector<HTMLFormElement>("#key")!;
const numbers = document.querySelector<HTMLElement>("#numbers")!;

function rows(is: ServerStatus): [string, string][] {
  const ms = (value: number | null) => (value === null ? "none yet" : `${value.toFixed(1)} ms`);
  return [
    ["Sessions", `${is.sessions} of ${is.capacity}`],
    ["Waiting for a lost player", `${is.sessions_waiting}`],
    ["Connections", `${is.connections}`],
    ["Engine load", `${Math.round(100 * is.busy_share)} %`],
    ["Tokens a second", is.tokens_per_second.toFixed(0)],
    ["Reaction p50", ms(is.reaction_p50_ms)],
    ["Reaction p95", ms(is.reaction_p95_ms)],
    ["Notes too late", `${is.notes_late}`],
    ["Rests of a slow engine", `${is.rests}`],
    ["Generations that wait", `${is.jobs_waiting}`],
    ["Generations that are written", `${is.jobs_running}`],
    ["Generations that have ended", `${is.jobs_ended}`],
    ["Network", is.model],
    ["Engine", is.backend],
    ["Version", is.version],
    ["Up for", since(is.uptime_s)],
  ];
}

function since(seconds: number): string {
  const [days, hours, minutes] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  return `${days ? `${days} d ` : ""}${days || hours ? `${hours} h ` : ""}${minutes} min`;
}

function show(is: ServerStatus): void {
  say(is.reason === null ? "Ready" : `Not ready: ${is.reason}`, is.reason === null);
  const now = rows(is);
  if (numbers.childElementCount !== now.length) {
    numbers.replaceChildren(
      ...now.map(([name]) => {
        const row = document.createElement("div");
        const term = document.createElement("dt");
        term.textContent = name;
        row.append(term, document.createElement("dd"));
        return row;
      }),
    );
  }
  numbers.querySelectorAll("dd").forEach((value, i) => (value.textContent = now[i]?.[1] ?? ""));
}

/** Anew only where it is new, since it is read aloud. */
function say(text: string, isReady: boolean): void {
  if (state.textContent !== text) state.textContent = text;
  state.dataset["ready"] = isReady ? "yes" : "no";
}

async function ask(): Promise<void> {
  const key = sessionStorage.getItem(STORE);
  try {
    const response = await fetch("/v1/status", key ? { headers: { authorization: `Bearer ${key}` } } : {});
    form.hidden = response.status !== 401;
    if (response.ok) show((await response.json()) as ServerStatus);
    else if (response.status === 401) say(key ? "This is not a key of this server." : "This server wants a key.", false);
    else say(`The server answers ${response.status}.`, false);
  } catch {
    say("The server does not answer.", false);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(STORE, String(new FormData(form).get("key")).trim());
  void ask();
});

async function go(): Promise<void> {
  await ask();
  setTimeout(go, EVERY_MS);
}

void go();
