// One session on a piano roll: what was played to the left of the line, what is planned to its right.

const TICKS = 480; // to the quarter
const PAST_S = 8;
const FUTURE_S = 4;
const FADE_MS = 900;
const KEYS_WIDTH = 34;
const COLOUR = { human: "#1fb7ec", machine: "#ffb729", cancelled: "#8b93a7", line: "#2a3040", bar: "#3d465c", text: "#8b93a7", now: "#e8ebf2" };
const BLACK = new Set([1, 3, 6, 8, 10]);

export class Roll {
  constructor(session, start) {
    const [beats, unit] = start.meter.split("/").map(Number);
    this.beat = (TICKS * 4) / unit;
    this.beats = beats;
    this.ticksPerMs = (start.bpm * TICKS) / 60_000;
    this.human = []; // { tick, end, pitch, velocity }; end is null while the key is down
    this.machine = new Map(); // id -> { tick, end, pitch, velocity, state, since }
    this.anchor = null; // { tick, at }: the player's clock as last heard
    this.low = 54; // the pitches in view, which follow the music
    this.high = 78;
    this.figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    for (const text of [session, start.mode, `${Math.round(start.bpm)} bpm`, start.meter, ""]) {
      const span = document.createElement("span");
      span.textContent = text;
      caption.append(span);
    }
    this.place = caption.lastChild;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "Piano roll of this session");
    this.figure.append(caption, this.canvas);
  }

  // ---- what happens -------------------------------------------------------------------------------

  clock(tick) {
    if (tick === null) return;
    const at = performance.now();
    const drift = this.anchor ? tick - this.now(at) : Infinity;
    // Small corrections are spread out, so that the roll does not jerk.
    this.anchor = { tick: Math.abs(drift) > TICKS / 4 ? tick : this.now(at) + drift / 8, at };
  }

  now(at) {
    return this.anchor ? this.anchor.tick + (at - this.anchor.at) * this.ticksPerMs : 0;
  }

  note({ tick, pitch, velocity, part }) {
    const held = this.human.find((note) => note.end === null && note.pitch === pitch && note.part === part);
    if (held) held.end = Math.max(tick, held.tick + 1);
    if (velocity) this.human.push({ tick, end: null, pitch, velocity, part });
  }

  plan({ add, commit, cancel, silence }) {
    const at = performance.now();
    for (const note of add) {
      this.machine.set(note.id, { ...note, end: note.tick + note.duration, state: "tentative", since: at });
    }
    for (const id of commit) this.turn(id, "committed", at);
    for (const id of cancel) this.turn(id, "cancelled", at);
    if (silence) this.silence(at);
  }

  turn(id, state, at) {
    const note = this.machine.get(id);
    if (note) Object.assign(note, { state, since: at });
  }

  silence(at) {
    const now = this.now(at);
    for (const [id, note] of this.machine) {
      if (note.tick >= now) this.turn(id, "cancelled", at);
      else note.end = Math.min(note.end, now);
    }
  }

  forget(now, at) {
    const past = now - PAST_S * 1000 * this.ticksPerMs * 1.2;
    this.human = this.human.filter((note) => note.end === null || note.end > past);
    for (const [id, note] of this.machine) {
      const faded = note.state === "cancelled" && at - note.since > FADE_MS;
      if (faded || note.end < past) this.machine.delete(id);
    }
  }

  // ---- what one sees ------------------------------------------------------------------------------

  draw() {
    const at = performance.now();
    const now = this.now(at);
    this.forget(now, at);
    const { context, width, height } = this.surface();
    const pixels = (width - KEYS_WIDTH) / ((PAST_S + FUTURE_S) * 1000 * this.ticksPerMs);
    const line = KEYS_WIDTH + PAST_S * 1000 * this.ticksPerMs * pixels;
    this.follow();
    const row = height / (this.high - this.low + 1);
    const view = {
      context, width, height, row, now, at, line,
      x: (tick) => line + (tick - now) * pixels,
      y: (pitch) => (this.high - pitch) * row,
    };
    context.clearRect(0, 0, width, height);
    this.drawRows(view);
    this.drawBars(view, pixels);
    for (const note of this.human) this.drawNote(view, { ...note, end: note.end ?? Math.max(now, note.tick + 1) }, "human");
    for (const note of this.machine.values()) this.drawNote(view, note, note.state);
    context.fillStyle = COLOUR.now;
    context.fillRect(line - 0.75, 0, 1.5, height);
    this.drawKeys(view);
    this.place.textContent = this.anchor ? this.position(now) : "waits for the first note";
  }

  surface() {
    const ratio = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { context, width, height };
  }

  // Glides to two octaves or more around all that is in view.
  follow() {
    const pitches = [...this.human, ...this.machine.values()].map((note) => note.pitch);
    if (!pitches.length) return;
    const lowest = Math.min(...pitches) - 2;
    const highest = Math.max(...pitches) + 2;
    const spare = Math.max(0, 24 - (highest - lowest)) / 2;
    this.low += (lowest - spare - this.low) / 12;
    this.high += (highest + spare - this.high) / 12;
  }

  drawRows({ context, width, row, y }) {
    for (let pitch = Math.floor(this.low); pitch <= Math.ceil(this.high); pitch++) {
      if (BLACK.has(((pitch % 12) + 12) % 12)) {
        context.fillStyle = "rgb(0 0 0 / 16%)";
        context.fillRect(0, y(pitch), width, row);
      } else if (pitch % 12 === 0) {
        context.fillStyle = COLOUR.line;
        context.fillRect(0, y(pitch) + row - 0.5, width, 1);
      }
    }
  }

  drawBars({ context, width, height, x, now, line }, pixels) {
    const bar = this.beat * this.beats;
    const first = Math.max(0, Math.floor((now - (line - KEYS_WIDTH) / pixels) / this.beat));
    const last = Math.ceil((now + (width - line) / pixels) / this.beat);
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "left";
    for (let beat = first; beat <= last; beat++) {
      const starts = beat % this.beats === 0;
      const left = Math.round(x(beat * this.beat));
      context.fillStyle = starts ? COLOUR.bar : COLOUR.line;
      context.fillRect(left, 0, 1, height);
      if (!starts) continue;
      context.fillStyle = COLOUR.text;
      context.fillText(String((beat * this.beat) / bar + 1), left + 4, height - 6);
    }
  }

  drawNote({ context, width, row, x, y, at, line }, note, state) {
    const left = x(note.tick);
    const length = Math.max(3, x(note.end) - left - 1);
    if (left > width || left + length < KEYS_WIDTH) return;
    const tall = Math.max(5, Math.min(row - 1, 14));
    const top = y(note.pitch) + (row - tall) / 2;
    const sounds = state !== "tentative" && left <= line && left + length >= line;
    const loudness = 0.6 + (0.4 * note.velocity) / 127;
    context.beginPath();
    context.roundRect(left + 0.5, top, length, tall, Math.min(3, tall / 2));
    context.lineWidth = 1.5;
    if (state === "tentative") {
      context.globalAlpha = 0.85;
      context.strokeStyle = COLOUR.machine;
      context.stroke();
      context.globalAlpha = 0.12;
      context.fillStyle = COLOUR.machine;
    } else if (state === "cancelled") {
      context.globalAlpha = 0.4 * Math.max(0, 1 - (at - note.since) / FADE_MS);
      context.fillStyle = COLOUR.cancelled;
    } else {
      context.globalAlpha = sounds ? 1 : loudness;
      context.fillStyle = state === "human" ? COLOUR.human : COLOUR.machine;
    }
    context.fill();
    context.globalAlpha = 1;
  }

  drawKeys({ context, height, row, y, now }) {
    const sounding = new Map();
    const sounds = (note) => note.tick <= now && (note.end === null || note.end > now);
    for (const note of this.machine.values()) {
      if (note.state === "committed" && sounds(note)) sounding.set(note.pitch, COLOUR.machine);
    }
    for (const note of this.human) if (sounds(note)) sounding.set(note.pitch, COLOUR.human);
    context.fillStyle = "#c3c9d6";
    context.fillRect(0, 0, KEYS_WIDTH - 2, height);
    context.fillStyle = "#14171f";
    context.fillRect(KEYS_WIDTH - 2, 0, 2, height);
    context.textAlign = "right";
    context.font = "10px system-ui, sans-serif";
    for (let pitch = Math.floor(this.low); pitch <= Math.ceil(this.high); pitch++) {
      const step = ((pitch % 12) + 12) % 12;
      const isBlack = BLACK.has(step);
      context.fillStyle = sounding.get(pitch) ?? (isBlack ? "#14171f" : "#c3c9d6");
      context.fillRect(0, y(pitch), isBlack ? KEYS_WIDTH * 0.55 : KEYS_WIDTH - 2, Math.max(2, row));
      context.fillStyle = "#14171f";
      if (step === 0 || step === 5) context.fillRect(0, y(pitch) + row - 0.5, KEYS_WIDTH - 2, 1);
      if (step === 0) context.fillText(`C${pitch / 12 - 1}`, KEYS_WIDTH - 4, y(pitch) + row / 2 + 3.5);
    }
  }

  position(now) {
    const beat = Math.floor(now / this.beat);
    return `bar ${Math.floor(beat / this.beats) + 1} · beat ${(beat % this.beats) + 1}`;
  }
}
