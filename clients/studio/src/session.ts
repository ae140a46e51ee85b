// The player's side of a session: plans become sound, settings become messages, and a set survives what breaks.
// Owns the clock. Knows no DOM.

import { Access } from "./access";
import { channelOf } from "./channels";
import { Clock, type Meter } from "./clock";
import { Connection, type Link } from "./connection";
import { Hands } from "./hands";
import type { Light } from "./keys";
import { Metronome } from "./metronome";
import { Machine } from "./machine";
import { Midi } from "./midi";
import { readPrompt, type Prompt } from "./midifile";
import type { Notes } from "./notes";
import { Phrase } from "./phrase";
import { Replay } from "./replay";
import { HUMAN_CHANNELS, Room } from "./room";
import { PlayedSet } from "./set";
import { controlMessage, mutedParts, restarts, startMessage, type Settings } from "./settings";
import type { Sound } from "./sound";
import { sizeOf, takeOf } from "./take";
import { Takes } from "./takes";
import { Watch } from "./watch";
import type { Beat, PromptNote, ServerMessage } from "./wire";

const LEAD_S = 0.12; // from the start button to the first beat
const NOTICE_MS = 6000;
const FEWEST = 4; // notes of a set that is worth to be kept
const KEEP_MS = 10_000; // so much of a set is lost at most, whatever happens to the page

interface Surface {
  changed(): void;
  light(pitch: number, light: Light, on: boolean): void;
}

export class Session {
  readonly set = new PlayedSet();
  readonly clock: Clock;
  readonly access: Access;
  readonly connection: Connection;
  readonly watch: Watch;
  readonly room = new Room(this);
  readonly hands = new Hands(this);
  readonly midi: Midi;
  readonly phrase = new Phrase();
  readonly machine: Machine;
  readonly takes: Takes;
  readonly replay: Replay;
  sound: Sound | null = null;
  isOn = false; // the first button was pressed
  notice = ""; // of what was refused
  prompt: Prompt | null = null;
  beat: Beat | null = null;
  clockOffsetMs: number | null = null; // how far off the server believes our clock to be
  private noticeUntil = 0;
  private keepAt = 0;
  private readonly metronome = new Metronome();

  constructor(
    public settings: Settings,
    readonly surface: Surface,
  ) {
    this.clock = new Clock(settings.bpm);
    this.access = new Access(() => this.surface.changed());
    this.connection = new Connection(this.access, {
      heard: (message, at) => this.hear(message, at),
      welcomed: (resumed) => this.welcomed(resumed),
      linked: (link) => this.linked(link),
      tick: () => this.wireTick(this.sound?.now ?? 0),
    });
    this.watch = new Watch(this.access, () => this.heardNow, (message) => this.room.overhear(message));
    this.midi = new Midi({
      down: (pitch, velocity, at) => this.hands.down(pitch, velocity, at),
      up: (pitch, at) => this.hands.up(pitch, at),
      pedal: (down, at) => this.hands.pedal(down, at),
      plugged: () => this.surface.changed(),
    });
    this.machine = new Machine(this);
    this.takes = new Takes(() => this.surface.changed());
    this.replay = new Replay(surface.light, () => {
      this.applyPrograms();
      surface.changed();
    });
  }

  // ---- the set ------------------------------------------------------------------------------------------

  /** The first button. In the handler of a click or key. */
  async turnOn(sound: Sound): Promise<void> {
    this.sound = this.machine.band.sound = sound;
    await sound.unlock(HUMAN_CHANNELS);
    sound.context.onstatechange = () => this.surface.changed();
    this.applyPrograms();
    this.isOn = true;
    this.connection.open();
    this.surface.changed();
  }

  get plays(): boolean {
    return this.clock.runs;
  }

  get notes(): Notes {
    return this.set.notes;
  }

  /** Bar 1 begins now, or with the count-in. */
  play(): void {
    if (!this.sound || this.plays || this.room.isGuest) return;
    this.begin(this.sound.heard(performance.now()) + LEAD_S);
  }

  stop(): void {
    this.machine.silence();
    this.connection.close(); // the place is free for others
    this.finish();
    if (!this.room.isGuest) this.connection.open();
    this.room.leave();
    this.surface.changed();
  }

  /** The set so far, among the takes. */
  keep(): void {
    this.keepAt = performance.now() + KEEP_MS;
    this.notes.settle(this.clock.tickAt(this.heardNow) ?? 0);
    const take = this.plays ? takeOf(this) : null;
    if (!take || sizeOf(take) < FEWEST) return;
    const name = this.takes.list.find(({ at }) => at === take.at)?.name;
    void this.takes.keep({ ...take, name: name ?? take.name });
  }

  /** The set is over: it is kept, and time stands still. */
  finish(): void {
    const tick = this.clock.tickAt(this.sound?.now ?? 0);
    if (tick !== null) this.notes.releaseAll(Math.round(tick));
    this.keep();
    this.clock.stop();
  }

  /** Everything is silent, whatever happens. */
  panic(): void {
    this.replay.stop();
    this.machine.silence();
    this.sound?.panic();
    this.midi.panic();
    this.hands.lift();
    this.tellTransport("stop");
    this.machine.isFrozen = false;
  }

  tellTransport(action: "stop" | "end"): void {
    const tick = this.wireTick(this.heardNow);
    if (tick !== null) this.connection.send({ type: "transport", action, tick });
  }

  change(patch: Partial<Settings>): void {
    Object.assign(this.settings, patch);
    if (this.plays && !this.room.isGuest) {
      const control = restarts(patch) ? null : controlMessage(this.settings, patch);
      if (restarts(patch)) this.beginAnew();
      else if (control) this.connection.send(control);
    }
    this.applyPrograms();
    this.surface.changed();
  }

  applyPrograms(): void {
    this.sound?.program(channelOf(this.room.you, 0), this.settings.program);
    this.machine.applyPrograms();
  }

  /** Bar 1 begins at this audio time. */
  begin(zero: number): void {
    const { settings } = this;
    this.replay.stop();
    this.set.begin(settings);
    this.clock.bpm = settings.bpm;
    this.clock.set(0, zero);
    this.metronome.reset();
    this.start(this.prompt?.notes ?? [], settings.countIn);
    this.surface.changed();
  }

  // The server takes tempo and meter at the start only: it starts again at a line of ours, and is told what was before.
  private beginAnew(): void {
    const { settings, heardNow, set } = this;
    const now = this.clock.tickAt(heardNow);
    if (now === null) return;
    this.machine.silence();
    this.clock.retime(settings.bpm, heardNow);
    set.turn(now, settings);
    this.start(set.prompt(), 0);
    for (const stroke of set.strokes()) {
      this.connection.send({ type: "note", part: this.room.you, ...stroke, tick: stroke.tick - set.base });
    }
  }

  private start(prompt: PromptNote[], countIn: number): void {
    this.notes.forgetPlan();
    this.machine.isFrozen = false;
    if (!this.connection.send(startMessage(this.settings, prompt, countIn))) return;
    const mute = mutedParts(this.settings);
    if (mute.length) this.connection.send({ type: "control", mute });
    this.connection.beat(performance.now());
  }

  // ---- time ---------------------------------------------------------------------------------------------

  get heardNow(): number {
    return this.sound?.heard(performance.now()) ?? performance.now() / 1000;
  }

  get meter(): Meter {
    return this.set.meter(this.settings.meter);
  }

  /** In the server's ticks. */
  wireTick(seconds: number): number | null {
    const tick = this.clock.tickAt(seconds);
    return tick === null || tick < this.set.base ? null : Math.round(tick) - this.set.base;
  }

  /** Often, from a clock that also ticks in the background. */
  wake(): void {
    const now = performance.now();
    this.connection.wake(now);
    if (this.plays && now > this.keepAt) this.keep();
    if (this.notice && now > this.noticeUntil) this.tell("");
    if (!this.sound) return;
    this.machine.playout.wake(this.sound.now);
    this.replay.wake(this.sound.now);
    const counts = (this.clock.tickAt(this.sound.now) ?? 0) < this.set.countIn;
    if (this.plays && (this.settings.metronome || counts)) {
      this.metronome.wake(this.sound, this.clock, this.set.stretches.at(-1)?.tick ?? 0, this.meter);
    }
  }

  // ---- the connection -----------------------------------------------------------------------------------

  private hear(message: ServerMessage, at: number): void {
    if (message.type === "plan") this.machine.follow(message, at);
    else if (message.type === "heartbeat") this.hearBeat(message, at);
    else if (message.type === "error") this.refused(message.code, message.reason);
  }

  private hearBeat(beat: Beat, at: number): void {
    this.beat = beat;
    if (beat.tick === null || !this.sound) return;
    const trip = at - beat.ping_ns / 1e6;
    const ours = this.wireTick(this.sound.now - trip / 2000);
    this.clockOffsetMs = ours === null ? null : ((beat.tick - ours) / this.clock.ticksPerSecond) * 1000;
    if (!this.room.isGuest) return;
    const first = !this.clock.runs;
    this.clock.follow(beat.tick, this.sound.now - trip / 2000);
    if (first) this.surface.changed();
  }

  private linked(link: Link): void {
    if (link === "lost" || link === "refused") this.machine.silence();
    if (link === "refused") this.finish();
    this.surface.changed();
  }

  private welcomed(resumed: boolean): void {
    if (this.room.isGuest) this.room.join();
    else if (this.plays && !resumed) this.beginAnew();
  }

  private refused(code: string, reason: string): void {
    if (!this.room.refused(code) && code !== "full") this.tell(`The server says: ${reason}.`);
  }

  tell(notice: string): void {
    this.notice = notice;
    this.noticeUntil = performance.now() + NOTICE_MS;
    this.surface.changed();
  }

  // ---- files -----------------------------------------------------------------------------------------------

  async drop(file: File): Promise<void> {
    try {
      this.prompt = readPrompt(new Uint8Array(await file.arrayBuffer()), 1);
      if (this.plays) this.stop();
      this.change({ mode: "continue", bpm: this.prompt.bpm, meter: this.prompt.meter });
    } catch (error) {
      this.tell((error as Error).message);
    }
  }
}
