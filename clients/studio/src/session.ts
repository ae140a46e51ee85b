// The player's side of a session: plans become sound, settings become messages, and a set survives what breaks.
// Owns the clock. Knows no DOM.

import { Band } from "./band";
import { channelOf } from "./channels";
import { Clock, type Meter } from "./clock";
import { Connection, type Link } from "./connection";
import { Hands } from "./hands";
import type { Light } from "./keys";
import { Metronome } from "./metronome";
import { Midi } from "./midi";
import { readPrompt, type Prompt } from "./midifile";
import type { Note, Notes } from "./notes";
import { Phrase } from "./phrase";
import { Playout } from "./playout";
import { Replay } from "./replay";
import { HUMAN_CHANNELS, Room } from "./room";
import { PlayedSet } from "./set";
import { controlMessage, mutedParts, restarts, startMessage, type Settings } from "./settings";
import type { Sound } from "./sound";
import { takeOf } from "./take";
import { Takes } from "./takes";
import { Watch } from "./watch";
import type { Beat, Plan, PromptNote, ServerMessage } from "./wire";

const LEAD_S = 0.12; // from the start button to the first beat
const NOTICE_MS = 6000;
const KEEP_MS = 10_000; // so much of a set is lost at most, whatever happens to the page

interface Surface {
  changed(): void;
  light(pitch: number, light: Light, on: boolean): void;
}

export class Session {
  readonly set = new PlayedSet();
  readonly clock: Clock;
  readonly connection: Connection;
  readonly watch: Watch;
  readonly room = new Room(this);
  readonly hands = new Hands(this);
  readonly midi: Midi;
  readonly phrase = new Phrase();
  readonly playout: Playout;
  readonly band: Band;
  readonly takes: Takes;
  readonly replay: Replay;
  sound: Sound | null = null;
  isOn = false; // the first button was pressed
  notice = ""; // of what was refused
  prompt: Prompt | null = null;
  isFrozen = false;
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
    this.connection = new Connection({
      heard: (message, at) => this.hear(message, at),
      welcomed: (resumed) => this.welcomed(resumed),
      linked: (link) => this.linked(link),
      tick: () => this.wireTick(this.sound?.now ?? 0),
    });
    this.watch = new Watch(() => this.heardNow, (message) => this.room.overhear(message));
    this.midi = new Midi({
      down: (pitch, velocity, at) => this.hands.down(pitch, velocity, at),
      up: (pitch, at) => this.hands.up(pitch, at),
      pedal: (down, at) => this.hands.pedal(down, at),
      plugged: () => this.surface.changed(),
    });
    this.band = new Band(this.midi, (part) => this.programOf(part), (pitch, on) => this.surface.light(pitch, "machine", on));
    this.playout = new Playout(this.band);
    this.takes = new Takes(() => this.surface.changed());
    this.replay = new Replay(surface.light, () => {
      this.applyPrograms();
      surface.changed();
    });
  }

  // ---- the set ------------------------------------------------------------------------------------------

  /** The first button. In the handler of a click or key. */
  async turnOn(sound: Sound): Promise<void> {
    this.sound = this.band.sound = sound;
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
    this.silenceMachine();
    this.connection.close(); // the place is free for others
    this.finish();
    if (!this.room.isGuest) this.connection.open();
    this.room.leave();
    this.surface.changed();
  }

  /** The set so far, among the takes. */
  keep(): void {
    this.keepAt = performance.now() + KEEP_MS;
    const take = this.plays ? takeOf(this) : null;
    const name = this.takes.list.find(({ at }) => at === take?.at)?.name;
    if (take) void this.takes.keep({ ...take, name: name ?? take.name });
  }

  /** The set is over: it is kept, and time stands still. */
  finish(): void {
    this.keep();
    this.clock.stop();
  }

  /** The machine comes to a close. */
  end(): void {
    const tick = this.wireTick(this.heardNow);
    if (tick !== null) this.connection.send({ type: "transport", action: "end", tick });
    this.isFrozen = false;
  }

  /** The machine's last bar again and again, until it is let go. */
  freeze(freeze: boolean): void {
    this.isFrozen = this.connection.send({ type: "control", freeze }) && freeze;
    this.surface.changed();
  }

  /** Everything is silent, whatever happens. */
  panic(): void {
    this.replay.stop();
    this.silenceMachine();
    this.sound?.panic();
    this.midi.panic();
    this.hands.lift();
    const tick = this.wireTick(this.heardNow);
    if (tick !== null) this.connection.send({ type: "transport", action: "stop", tick });
    this.isFrozen = false;
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
    this.silenceMachine();
    this.clock.retime(settings.bpm, heardNow);
    set.turn(now, settings);
    this.start(set.prompt(), 0);
    for (const stroke of set.strokes()) {
      this.connection.send({ type: "note", part: this.room.you, ...stroke, tick: stroke.tick - set.base });
    }
  }

  private start(prompt: PromptNote[], countIn: number): void {
    this.notes.forgetPlan();
    this.isFrozen = false;
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
    this.playout.wake(this.sound.now);
    this.replay.wake(this.sound.now);
    const counts = (this.clock.tickAt(this.sound.now) ?? 0) < this.set.countIn;
    if (this.plays && (this.settings.metronome || counts)) {
      this.metronome.wake(this.sound, this.clock, this.set.stretches.at(-1)?.tick ?? 0, this.meter);
    }
  }

  // ---- the machine --------------------------------------------------------------------------------------

  private hear(message: ServerMessage, at: number): void {
    if (message.type === "plan") this.follow(message, at);
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

  private follow(plan: Plan, at: number): void {
    if (plan.silence) this.silenceMachine(); // of what was before this plan
    for (const note of plan.add) {
      const tick = note.tick + this.set.base;
      if (tick >= this.set.countIn) this.notes.add({ ...note, tick }, at); // the count-in is ours
    }
    for (const id of plan.commit) {
      const note = this.notes.commit(id, at);
      if (note && !this.schedule(note)) this.notes.fade(note, at);
    }
    for (const id of plan.cancel) this.notes.cancel(id, at);
  }

  private schedule({ tick, end, ...note }: Note): boolean {
    if (!this.sound || !this.clock.runs) return false;
    this.phrase.done(); // whoever is answered needs no hints
    return this.playout.add({ ...note, on: this.clock.timeAt(tick), off: this.clock.timeAt(end ?? tick + 1) }, this.sound.now);
  }

  /** What sounds ends, what was to come does not. */
  silenceMachine(): void {
    const now = this.sound?.now ?? 0;
    this.playout.silence(now);
    this.sound?.hush();
    this.notes.silence(Math.round(this.clock.tickAt(now) ?? 0), performance.now());
  }

  /** Where a part of the machine sounds: on a MIDI output, or here. */
  route(part: number, output: string): void {
    this.playout.silence(this.sound?.now ?? 0);
    this.band.routes.set(part, output);
    this.surface.changed();
  }

  programOf(part: number): number {
    return this.room.start?.machine.find((each) => each.part === part)?.program ?? this.settings.parts[part - 1]?.program ?? 0;
  }

  applyPrograms(): void {
    this.sound?.program(channelOf(this.room.you, 0), this.settings.program);
    const parts = this.room.start?.machine ?? this.settings.parts.map(({ program }, index) => ({ part: index + 1, program }));
    for (const { part, program } of parts) this.sound?.program(channelOf(part, program), program);
  }

  // ---- the connection -----------------------------------------------------------------------------------

  private linked(link: Link): void {
    if (link === "lost" || link === "refused") this.silenceMachine();
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
