// The piano on the page, played with the computer's keys, the mouse and any number of fingers.

const ROW = ["KeyA", "KeyW", "KeyS", "KeyE", "KeyD", "KeyF", "KeyT", "KeyG", "KeyY", "KeyH", "KeyU", "KeyJ", "KeyK", "KeyO", "KeyL", "KeyP", "Semicolon"];
const LETTERS = "AWSEDFTGYHUJKOLP;";
const BLACK = new Set([1, 3, 6, 8, 10]);
const NAMES = ["C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B"];
const WHITE_PX = 42; // wide enough for a finger
const FEWEST = 8;
const MOST = 29; // white keys
const LOUDER = 12;

export interface Player {
  down(pitch: number, velocity: number, at: number): void;
  up(pitch: number, at: number): void;
}

export type Light = "you" | "guest" | "machine" | "next";

export class Keys {
  octave = 4; // of the computer's A key
  velocity = 88;
  private first = 60;
  private keys = new Map<number, HTMLElement>();
  private typed = new Map<string, number>(); // what each pressed key of the computer plays
  private touched = new Map<number, number>(); // what each finger plays
  private hinted: number | null = null;

  constructor(
    readonly piano: HTMLElement,
    private readonly player: Player,
    private readonly changed: () => void,
  ) {
    new ResizeObserver(() => this.build()).observe(piano);
    piano.addEventListener("pointerdown", (event) => this.touch(event));
    piano.addEventListener("pointermove", (event) => this.touched.has(event.pointerId) && this.touch(event));
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, (event) => this.lift(event as PointerEvent));
    addEventListener("keydown", (event) => this.type(event));
    addEventListener("keyup", (event) => this.untype(event.code, event.timeStamp));
    addEventListener("blur", () => this.releaseAll());
    document.addEventListener("visibilitychange", () => document.hidden && this.releaseAll());
  }

  releaseAll(): void {
    for (const code of [...this.typed.keys()]) this.untype(code, performance.now());
    for (const pitch of this.touched.values()) this.player.up(pitch, performance.now());
    this.touched.clear();
  }

  shift(octaves: number): void {
    this.octave = Math.min(7, Math.max(1, this.octave + octaves));
    this.build();
    this.changed();
  }

  louder(by: number): void {
    this.velocity = Math.min(124, Math.max(16, this.velocity + by));
    this.changed();
  }

  light(pitch: number, light: Light, on: boolean): void {
    this.keys.get(pitch)?.classList.toggle(light, on);
  }

  hint(pitch: number | null): void {
    if (this.hinted !== null) this.light(this.hinted, "next", false);
    this.hinted = pitch;
    if (pitch !== null) this.light(pitch, "next", true);
  }

  private build(): void {
    const whites = Math.min(MOST, Math.max(FEWEST, Math.floor(this.piano.clientWidth / WHITE_PX)));
    const below = Math.round((whites - 10) / 14); // whole octaves left of the computer's keys
    this.first = Math.max(12, 12 * (this.octave + 1 - Math.max(0, below)));
    this.keys.clear();
    const row: HTMLElement[] = [];
    for (let pitch = this.first, white = 0; white < whites || BLACK.has(pitch % 12); pitch++) {
      if (white === whites && BLACK.has(pitch % 12)) break;
      if (pitch > 127) break;
      row.push(this.key(pitch, white, whites));
      if (!BLACK.has(pitch % 12)) white++;
    }
    this.piano.replaceChildren(...row);
    this.hint(this.hinted);
  }

  private key(pitch: number, white: number, whites: number): HTMLElement {
    const key = document.createElement("button");
    const black = BLACK.has(pitch % 12);
    key.className = black ? "key black" : "key white";
    key.tabIndex = -1; // the computer's keys play it
    key.dataset.pitch = String(pitch);
    key.ariaLabel = `${NAMES[pitch % 12]} ${Math.floor(pitch / 12) - 1}`;
    key.style.left = `${((white - (black ? 0.31 : 0)) / whites) * 100}%`;
    key.style.width = `${((black ? 0.62 : 1) / whites) * 100}%`;
    const letter = LETTERS[pitch - 12 * (this.octave + 1)];
    key.innerHTML = `<span>${letter ?? ""}</span>${pitch % 12 ? "" : `<small>C${pitch / 12 - 1}</small>`}`;
    this.keys.set(pitch, key);
    return key;
  }

  private type(event: KeyboardEvent): void {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || writes(event.target)) return;
    const step = ROW.indexOf(event.code);
    if (step >= 0) this.press(event.code, 12 * (this.octave + 1) + step, event.timeStamp);
    else if (event.code === "KeyZ") this.shift(-1);
    else if (event.code === "KeyX") this.shift(1);
    else if (event.code === "KeyC") this.louder(-LOUDER);
    else if (event.code === "KeyV") this.louder(LOUDER);
    else return;
    event.preventDefault();
  }

  private press(code: string, pitch: number, at: number): void {
    if (pitch > 127) return;
    this.typed.set(code, pitch);
    this.player.down(pitch, this.velocity, at);
  }

  private untype(code: string, at: number): void {
    const pitch = this.typed.get(code);
    if (pitch !== undefined) this.player.up(pitch, at);
    this.typed.delete(code);
  }

  // Further down on a key is louder; a finger that slides plays what it comes to.
  private touch(event: PointerEvent): void {
    event.preventDefault();
    (event.target as Element).releasePointerCapture?.(event.pointerId);
    const key = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>(".key");
    const pitch = key ? Number(key.dataset.pitch) : undefined;
    const before = this.touched.get(event.pointerId);
    if (pitch === undefined || pitch === before || !key) return;
    if (before !== undefined) this.player.up(before, event.timeStamp);
    const { top, height } = key.getBoundingClientRect();
    this.touched.set(event.pointerId, pitch);
    this.player.down(pitch, Math.round(56 + 60 * Math.min(1, (event.clientY - top) / height)), event.timeStamp);
  }

  private lift(event: PointerEvent): void {
    const pitch = this.touched.get(event.pointerId);
    if (pitch !== undefined) this.player.up(pitch, event.timeStamp);
    this.touched.delete(event.pointerId);
  }
}

/** Where letters are text, or choose. */
function writes(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input:not([type=range]):not([type=checkbox]):not([type=radio]), select, textarea") !== null;
}
