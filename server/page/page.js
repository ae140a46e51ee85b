// The page that watches: what runs, and every live session on a piano roll. It only listens.

import { Roll } from "./roll.js";

const RETRY_MS = 1000;
const rolls = new Map(); // session -> Roll
const element = (id) => document.getElementById(id);

function listen() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/v1/watch`);
  socket.onmessage = (event) => show(JSON.parse(event.data));
  socket.onclose = () => {
    for (const session of rolls.keys()) end(session);
    say("no connection to the server", "bad");
    setTimeout(listen, RETRY_MS);
  };
}

function show(message) {
  switch (message.type) {
    case "status": return status(message);
    case "began": return begin(message);
    case "ended": return end(message.session);
    case "note": return rolls.get(message.session)?.note(message.note);
    case "plan": return rolls.get(message.session)?.plan(message.plan);
  }
}

function status(now) {
  say(now.trouble ?? "ready", now.trouble ? "bad" : "good");
  element("model").textContent = `${now.model} · ${now.backend}`;
  element("sessions").textContent = `${now.sessions} of ${now.max_sessions}`;
  element("tokens").textContent = Math.round(now.tokens_per_second);
  element("busy").textContent = `${Math.round(now.busy_share * 100)} %`;
  const milliseconds = (value) => (value === null ? "–" : value.toFixed(value < 10 ? 1 : 0));
  element("reaction").textContent = `${milliseconds(now.reaction_p50_ms)} / ${milliseconds(now.reaction_p95_ms)} ms`;
  for (const [session, tick] of Object.entries(now.ticks)) rolls.get(session)?.clock(tick);
}

function begin({ session, start }) {
  end(session);
  const roll = new Roll(session, start);
  rolls.set(session, roll);
  element("rolls").append(roll.figure);
  element("nobody").hidden = true;
  if (rolls.size === 1) requestAnimationFrame(draw);
}

function end(session) {
  rolls.get(session)?.figure.remove();
  rolls.delete(session);
  element("nobody").hidden = rolls.size > 0;
}

function draw() {
  for (const roll of rolls.values()) roll.draw();
  if (rolls.size) requestAnimationFrame(draw);
}

function say(text, mood) {
  const state = element("state");
  if (state.textContent !== text) state.textContent = text; // a screen reader speaks every change
  state.className = mood;
}

listen();
