// Web MIDI: keyboards in, instruments out, plugged in and out at any time. Knows no clock but `performance.now()`.

const LOOP = /tradefours/i; // the bridge's ports: what the machine plays is nobody's keyboard

export type Permission = "unasked" | "granted" | "refused" | "missing" | "broken";

export const WORDS: Record<Permission, string> = {
  unasked: "Plug in a keyboard, and allow this page to use it.",
  granted: "",
  refused: "The browser refused MIDI for this page. Allow it in the site's settings, beside the address, and try again.",
  missing: "This browser has no Web MIDI (Safari has none). Chrome, Edge and Firefox have; the computer's keys play everywhere.",
  broken: "The browser found no MIDI system on this computer.",
};

interface Player {
  down(pitch: number, velocity: number, at: number): void;
  up(pitch: number, at: number): void;
  pedal(down: boolean, at: number): void;
  /** Ports came or went. */
  plugged(): void;
}

export class Midi {
  permission: Permission = "requestMIDIAccess" in navigator ? "unasked" : "missing";
  private access: MIDIAccess | null = null;

  constructor(private readonly player: Player) {}

  async open(): Promise<void> {
    if (this.permission === "missing") return;
    try {
      this.access = await navigator.requestMIDIAccess();
      this.permission = "granted";
      this.access.onstatechange = () => this.listen();
      this.listen();
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      this.permission = name === "NotAllowedError" || name === "SecurityError" ? "refused" : "broken";
    }
    this.player.plugged();
  }

  get inputs(): MIDIInput[] {
    return [...(this.access?.inputs.values() ?? [])].filter((port) => !LOOP.test(port.name ?? ""));
  }

  get outputs(): MIDIOutput[] {
    return [...(this.access?.outputs.values() ?? [])].filter((port) => !LOOP.test(port.name ?? ""));
  }

  /** `at` by performance.now(). False when there is no such port now. */
  send(output: string, bytes: number[], at: number): boolean {
    const port = this.access?.outputs.get(output);
    port?.send(bytes, at);
    return port !== undefined;
  }

  panic(): void {
    for (const port of this.outputs) {
      (port as { clear?: () => void }).clear?.();
      for (let channel = 0; channel < 16; channel++) {
        for (const control of [64, 123, 120]) port.send([0xb0 | channel, control, 0]);
      }
    }
  }

  private listen(): void {
    for (const input of this.inputs) input.onmidimessage = (event) => this.read(event);
    this.player.plugged();
  }

  private read({ data, timeStamp }: MIDIMessageEvent): void {
    const [status = 0, first = 0, second = 0] = data ?? [];
    const kind = status & 0xf0;
    if (kind === 0x90 && second) this.player.down(first, second, timeStamp);
    else if (kind === 0x90 || kind === 0x80) this.player.up(first, timeStamp);
    else if (kind === 0xb0 && first === 64) this.player.pedal(second >= 64, timeStamp);
  }
}
