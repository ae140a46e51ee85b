// The roll: time flows through a line that is now. What was played lies left of it, what is planned right.
// Each player has a colour and a shape: you are square, the machine is round and hatched, a guest is split.

import type { Meter } from "./clock";
import { FADE_MS, type Note, type Notes, type State, type Who } from "./notes";

const NOW_AT = 0.6; // of the width
const TALLEST = 14;
const BLACK = new Set([1, 3, 6, 8, 10]);
const GLIDE = 12;
const SHADES = 8; // loudness and fading are drawn in so many steps
const ORDER: Record<Who, number> = { machine: 0, guest: 1, you: 2 }; // humans lie on top

/** What one looks at. */
export interface View {
  notes: Notes;
  now: number; // tick
  stretches: { tick: number; meter: Meter }[]; // a meter holds until the next one
  chords: string[]; // a chart, bar by bar, again and again
}

/** Notes that look the same. */
interface Batch {
  path: Path2D;
  who: Who;
  state: State;
  sounds: boolean;
  alpha: number;
}

interface Frame {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  row: number;
  at: number;
  line: number;
  left: number; // the tick at the left edge
  x(tick: number): number;
  y(pitch: number): number;
}

export class Roll {
  private low = 53;
  private high = 79;
  private colours: Record<string, string> = {};
  private hatch: CanvasPattern | null = null;
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(private readonly canvas: HTMLCanvasElement) {}

  /** The page's colours have changed. */
  repaint(): void {
    this.colours = {};
    this.hatch = null;
  }

  draw(view: View, at: number): void {
    const frame = this.frame(view, at);
    const notes = view.notes.inView(frame.left, at);
    this.follow(notes);
    frame.context.clearRect(0, 0, frame.width, frame.height);
    this.drawRows(frame);
    this.drawBars(frame, view);
    this.drawNotes(frame, notes, view.now);
    frame.context.fillStyle = this.colour("ink");
    frame.context.fillRect(frame.line - 1, 0, 2, frame.height);
  }

  private colour(name: string): string {
    if (!this.colours[name]) {
      this.canvas.style.color = `var(--${name})`; // resolved: a canvas knows no light-dark()
      this.colours[name] = getComputedStyle(this.canvas).color;
    }
    return this.colours[name];
  }

  private frame(view: View, at: number): Frame {
    const ratio = devicePixelRatio || 1;
    const canvas = this.canvas;
    const { clientWidth: width, clientHeight: height } = canvas;
    const [wide, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== tall) Object.assign(canvas, { width: wide, height: tall });
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const pixels = Math.min(110, Math.max(44, width / 13)) / 480;
    // Who wants less motion sees pages that stand still, and a line that moves over them.
    const page = (width * NOW_AT) / pixels;
    const left = this.still.matches ? Math.floor(view.now / page) * page - 0.05 * page : view.now - page;
    const row = height / (this.high - this.low + 1);
    const x = (tick: number) => (tick - left) * pixels;
    return { context, width, height, row, at, left, line: x(view.now), x, y: (pitch) => (this.high - pitch) * row };
  }

  // Glides to two octaves or more around all that is in view.
  private follow(notes: Note[]): void {
    let [lowest, highest] = [127, 0];
    for (const { pitch, state } of notes) {
      if (state !== "cancelled") [lowest, highest] = [Math.min(lowest, pitch - 2), Math.max(highest, pitch + 2)];
    }
    if (lowest > highest) return;
    const spare = Math.max(0, 24 - (highest - lowest)) / 2;
    this.low += (lowest - spare - this.low) / GLIDE;
    this.high += (highest + spare - this.high) / GLIDE;
  }

  private drawRows({ context, width, height, row, line, y }: Frame): void {
    context.fillStyle = this.colour("future");
    context.fillRect(line, 0, width - line, height);
    for (let pitch = Math.floor(this.low); pitch <= Math.ceil(this.high); pitch++) {
      context.fillStyle = this.colour("shade");
      if (BLACK.has(((pitch % 12) + 12) % 12)) context.fillRect(0, y(pitch), width, row);
      if (pitch % 12) continue;
      context.fillStyle = this.colour("faint");
      context.font = "10px system-ui, sans-serif";
      context.fillText(`C${pitch / 12 - 1}`, 4, y(pitch) + row / 2 + 3.5);
    }
  }

  private drawBars({ context, width, height, left, x }: Frame, { stretches, chords }: View): void {
    context.font = "11px system-ui, sans-serif";
    const right = left + (width / (x(1) - x(0)));
    let bars = 0; // of the stretches before
    stretches.forEach(({ tick, meter }, index) => {
      const end = stretches[index + 1]?.tick ?? Infinity;
      for (let beat = Math.max(0, Math.floor((left - tick) / meter.beat)); tick + beat * meter.beat < Math.min(end, right); beat++) {
        const at = Math.round(x(tick + beat * meter.beat));
        const starts = beat % meter.beats === 0;
        context.fillStyle = this.colour(starts ? "bar" : "beat");
        context.fillRect(at, 0, 1, height);
        if (!starts) continue;
        const bar = bars + beat / meter.beats;
        context.fillStyle = this.colour("faint");
        context.fillText(String(bar + 1), at + 5, height - 7);
        context.fillStyle = this.colour("ink");
        if (chords.length) context.fillText(chords[bar % chords.length] ?? "", at + 5, 15);
      }
      bars += Math.ceil((end - tick) / meter.bar);
    });
  }

  // Notes that look the same are one path: two thousand of them cost little more than twenty.
  private drawNotes(frame: Frame, notes: Note[], now: number): void {
    const batches = new Map<string, Batch>();
    for (const note of notes) {
      const left = frame.x(note.tick);
      const length = Math.max(4, frame.x(note.end ?? Math.max(now, note.tick + 1)) - left - 1);
      if (left > frame.width || left + length < 0) continue;
      const seen = look(note, now, frame.at);
      const key = `${ORDER[note.who]} ${seen.state} ${seen.sounds} ${seen.alpha}`;
      if (!batches.has(key)) batches.set(key, { ...seen, path: new Path2D() });
      const tall = Math.max(5, Math.min(frame.row - 1, TALLEST));
      const top = frame.y(note.pitch) + (frame.row - tall) / 2;
      const path = batches.get(key)?.path as Path2D;
      if (note.who === "machine") path.roundRect(left + 0.75, top, length, tall, Math.min(tall, length) / 2);
      else path.rect(left + 0.75, top, length, note.who === "guest" ? tall / 3 : tall);
      if (note.who === "guest") path.rect(left + 0.75, top + (tall * 2) / 3, length, tall / 3);
    }
    for (const key of [...batches.keys()].sort()) this.paint(frame.context, batches.get(key) as Batch);
  }

  private paint(context: CanvasRenderingContext2D, { path, who, state, sounds, alpha }: Batch): void {
    context.globalAlpha = alpha;
    context.fillStyle = context.strokeStyle = this.colour(state === "cancelled" ? "gone" : who);
    if (state === "committed") {
      context.fill(path);
      if (who === "machine") {
        context.fillStyle = this.hatching(context);
        context.fill(path);
      }
      context.strokeStyle = this.colour("ink");
    }
    context.lineWidth = state === "committed" ? 1 : 1.5;
    context.setLineDash(state === "cancelled" ? [2, 3] : []);
    if (state !== "committed" || sounds) context.stroke(path);
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  private hatching(context: CanvasRenderingContext2D): CanvasPattern | string {
    if (!this.hatch) {
      const tile = new OffscreenCanvas(6, 6);
      const pen = tile.getContext("2d") as OffscreenCanvasRenderingContext2D;
      pen.strokeStyle = this.colour("hatch");
      pen.lineWidth = 1.6;
      for (const start of [-6, 0, 6]) pen.stroke(new Path2D(`M${start} 6L${start + 6} 0`));
      this.hatch = context.createPattern(tile, "repeat");
    }
    return this.hatch ?? this.colour("machine");
  }
}

function look(note: Note, now: number, at: number): Omit<Batch, "path"> {
  const { who, state } = note;
  const sounds = state === "committed" && note.tick <= now && (note.end ?? Infinity) > now;
  const fading = Math.max(0, 1 - (at - note.since) / FADE_MS);
  const alpha = sounds ? 1 : state === "committed" ? 0.55 + (0.4 * note.velocity) / 127 : state === "cancelled" ? 0.9 * fading : 0.9;
  return { who, state, sounds, alpha: Math.round(alpha * SHADES) / SHADES };
}
