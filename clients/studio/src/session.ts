// The player's side of a session: keys become notes with ticks, plans become sound, and a set survives what breaks.
// Owns the clock. Knows no DOM.

import { Band } from "./band";
import { Clock, meterOf, type Meter } from "./clock";
import { Connection, type Link } from "./connection";
import { Metronome } from "./metronome";
import { Midi } from "./midi";
import { promptBefore, readPrompt, writeSet, type Prompt, type Stretch, type Voice } from "./midifile";
import { Notes, type Note } from "./notes";
import { Phrase } from "./phrase";
import { Playout } from "./playout";
import type { View } from "./roll";
import { controlMessage, INSTRUMENTS, mutedParts, restarts, startMessage, YOU, type Settings } from "./settings";
import { channelOf, type Sound } from "./sound";
import { Watch } from "./watch";
import { type Beat, type Plan, type PromptNote, type ServerMessage, type Start, type WatchMessage } from "./wire";
import type { Light } from "./keys";

const LEAD_S = 0.12; // from the start button to the first beat
const NOTICE_MS = 6000;
const REJOIN_MS = 1000;
const HIGHEST_PART = 15; // a guest asks for this part, then for the ones below

interface Surface {
  changed(): void;
  light(pitch: number, light: Light, on: boolean): void;
}

export class Session {
  readonly notes = new Notes();
  readonly clock: Clock;
  readonly connection: Connection;
  readonly watch: Watch;
  readonly midi: Midi;
  readonly phrase = new Phrase();
  readonly playout: Playout;
  readonly band: Band;
  sound: Sound | null = null;
  isOn = false; // the first button was pressed
  notice = ""; // of what was refused
  room = ""; // somebody else's session, which we joined or are about to
  prompt: Prompt | null = null;
  isFrozen = false;
  beat: Beat | null = null;
  stretches: Stretch[] = [];
  keyMs: number[] = []; // from a key to the synthesizer
  clockOffsetMs: number | null = null; // how far off the server believes our clock to be
  private base = 0; // the tick of our set that is the server's tick 0
  private you = YOU; // our part
  private countIn = 0; // ticks
  private held = new Map<number, number>(); // pitch -> velocity
  private noticeUntil = 0;
  private readonly metronome = new Metronome();

  constructor(
    public settings: Settings,
    private readonly surface: Surface,
  ) {
    this.clock = new Clock(settings.bpm);
    this.connection = new Connection({
      heard: (message, at) => this.hear(message, at),
      welcomed: (resumed) => this.welcomed(resumed),
      linked: (link) => this.linked(link),
      tick: () => this.wireTick(this.sound?.now ?? 0),
    });
    this.watch = new Watch(() => this.heardNow, (message) => this.overhear(message));
    this.midi = new Midi({
      down: (pitch, velocity, at) => this.down(pitch, velocity, at),
      up: (pitch, at) => this.up(pitch, at),
      pedal: (down, at) => this.pedal(down, at),
      plugged: () => this.surface.changed(),
    });
    this.band = new Band(this.midi, (part) => this.programOf(part), (pitch, on) => this.surface.light(pitch, "machine", on));
    this.playout = new Playout(this.band);
  }

  // ---- the set ------------------------------------------------------------------------------------------

  /** The first button. In the handler of a click or key. */
  async turnOn(sound: Sound): Promise<void> {
    this.sound = this.band.sound = sound;
    await sound.unlock(new Set([channelOf(YOU, 0), ...Array.from({ length: 4 }, (_, guest) => channelOf(HIGHEST_PART - guest, 0))]));
    sound.context.onstatechange = () => this.surface.changed();
    this.applyPrograms();
    this.isOn = true;
    this.connection.open();
    this.surface.changed();
  }

  get plays(): boolean {
    return this.clock.runs;
  }

  get isGuest(): boolean {
    return this.room !== "";
  }

  /** Bar 1 begins now, or with the count-in. */
  play(): void {
    if (!this.sound || this.plays || this.isGuest) return;
    this.begin(this.sound.heard(performance.now()) + LEAD_S);
  }

  stop(): void {
    this.silenceMachine();
    this.connection.close(); // the place is free for others
    this.clock.stop();
    if (!this.isGuest) this.connection.open();
    this.room = "";
    this.surface.changed();
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
    this.silenceMachine();
    this.sound?.panic();
    this.midi.panic();
    for (const pitch of [...this.held.keys()]) this.up(pitch, performance.now());
    const tick = this.wireTick(this.heardNow);
    if (tick !== null) this.connection.send({ type: "transport", action: "stop", tick });
    this.isFrozen = false;
  }

  change(patch: Partial<Settings>): void {
    Object.assign(this.settings, patch);
    if (this.plays && !this.isGuest) {
      const control = restarts(patch) ? null : controlMessage(this.settings, patch);
      if (restarts(patch)) this.beginAnew();
      else if (control) this.connection.send(control);
    }
    this.applyPrograms();
    this.surface.changed();
  }

  private begin(zero: number): void {
    const { settings } = this;
    this.notes.clear();
    this.clock.bpm = settings.bpm;
    this.clock.set(0, zero);
    this.base = 0;
    this.stretches = [{ tick: 0, bpm: settings.bpm, meter: settings.meter }];
    this.countIn = settings.countIn * this.meter.bar;
    this.metronome.reset();
    this.start(this.prompt?.notes ?? [], settings.countIn);
    this.surface.changed();
  }

  // The server takes tempo and meter at the start only: it starts again at a line of ours, and is told what was before.
  private beginAnew(): void {
    const { settings, meter, heardNow } = this;
    const before = this.stretches.at(-1);
    const now = this.clock.tickAt(heardNow);
    if (!before || now === null) return;
    const grid = before.meter === settings.meter ? meter.bar : meter.beat;
    const line = before.tick + Math.max(0, Math.floor((now - before.tick) / grid)) * grid;
    this.silenceMachine();
    this.clock.retime(settings.bpm, heardNow);
    if (before.bpm !== settings.bpm || before.meter !== settings.meter) {
      this.stretches = [...this.stretches.filter(({ tick }) => tick < line), { tick: line, bpm: settings.bpm, meter: settings.meter }];
    }
    this.base = line;
    this.countIn = 0;
    this.start(promptBefore(this.notes.all.filter((note) => note.tick < line).map(asPrompt), line, meterOf(settings.meter).bar), 0);
    this.tellSince(line);
  }

  // What the human has played since that tick, to a server that has not heard it.
  private tellSince(line: number): void {
    const strokes = this.notes.all.flatMap(({ who, tick, end, pitch, velocity }) => {
      if (who !== "you" || tick < line) return [];
      const down = { tick, pitch, velocity };
      return end === null ? [down] : [down, { tick: end, pitch, velocity: 0 }];
    });
    strokes.sort((a, b) => a.tick - b.tick || a.velocity - b.velocity);
    for (const stroke of strokes) {
      this.connection.send({ type: "note", part: this.you, ...stroke, tick: stroke.tick - line });
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
    return meterOf(this.stretches.at(-1)?.meter ?? this.settings.meter);
  }

  private wireTick(seconds: number): number | null {
    const tick = this.clock.tickAt(seconds);
    return tick === null || tick < this.base ? null : Math.round(tick) - this.base;
  }

  /** Often, from a clock that also ticks in the background. */
  wake(): void {
    const now = performance.now();
    this.connection.wake(now);
    if (this.notice && now > this.noticeUntil) this.tell("");
    if (!this.sound) return;
    this.playout.wake(this.sound.now);
    const counts = (this.clock.tickAt(this.sound.now) ?? 0) < this.countIn;
    if (this.plays && (this.settings.metronome || counts)) {
      this.metronome.wake(this.sound, this.clock, this.stretches.at(-1)?.tick ?? 0, this.meter);
    }
  }

  // ---- the human ----------------------------------------------------------------------------------------

  down(pitch: number, velocity: number, at: number): void {
    if (!this.sound) return;
    if (this.held.has(pitch)) this.up(pitch, at);
    this.held.set(pitch, velocity);
    this.sound.on(channelOf(this.you, 0), pitch, velocity);
    this.keyMs = [...this.keyMs.slice(-99), performance.now() - at];
    this.surface.light(pitch, "you", true);
    const seconds = this.sound.heard(at);
    if (!this.plays && !this.isGuest) this.begin(seconds);
    const tick = this.clock.tickAt(seconds);
    if (tick === null) return;
    this.phrase.heard(pitch);
    this.notes.press(Math.max(0, Math.round(tick)), this.you, pitch, velocity, "you");
    this.tellNote(seconds, pitch, velocity);
  }

  up(pitch: number, at: number): void {
    if (!this.held.delete(pitch) || !this.sound) return;
    this.sound.off(channelOf(this.you, 0), pitch);
    this.surface.light(pitch, "you", false);
    const seconds = this.sound.heard(at);
    this.notes.release(Math.round(this.clock.tickAt(seconds) ?? 0), this.you, pitch);
    if (this.plays) this.tellNote(seconds, pitch, 0);
  }

  private pedal(down: boolean, at: number): void {
    this.sound?.pedal(channelOf(this.you, 0), down);
    const tick = this.wireTick(this.sound?.heard(at) ?? 0);
    if (tick !== null) this.connection.send({ type: "pedal", tick, part: this.you, down });
  }

  private tellNote(seconds: number, pitch: number, velocity: number): void {
    const tick = this.wireTick(seconds) ?? 0;
    this.connection.send({ type: "note", tick, part: this.you, pitch, velocity });
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
    if (!this.isGuest) return;
    const first = !this.clock.runs;
    this.clock.follow(beat.tick, this.sound.now - trip / 2000);
    if (first) this.surface.changed();
  }

  private follow(plan: Plan, at: number): void {
    for (const note of plan.add) {
      const tick = note.tick + this.base;
      if (tick >= this.countIn) this.notes.add({ ...note, tick }, at); // the count-in is ours
    }
    for (const id of plan.commit) {
      const note = this.notes.commit(id, at);
      if (note && !this.schedule(note)) this.notes.fade(note, at);
    }
    for (const id of plan.cancel) this.notes.cancel(id, at);
    if (plan.silence) this.silenceMachine();
  }

  private schedule({ tick, end, ...note }: Note): boolean {
    if (!this.sound || !this.clock.runs) return false;
    this.phrase.done(); // whoever is answered needs no hints
    return this.playout.add({ ...note, on: this.clock.timeAt(tick), off: this.clock.timeAt(end ?? tick + 1) }, this.sound.now);
  }

  private silenceMachine(): void {
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

  private programOf(part: number): number {
    return this.hosts?.machine.find((each) => each.part === part)?.program ?? this.settings.parts[part - 1]?.program ?? 0;
  }

  private applyPrograms(): void {
    this.sound?.program(channelOf(this.you, 0), this.settings.program);
    const parts = this.hosts?.machine ?? this.settings.parts.map(({ program }, index) => ({ part: index + 1, program }));
    for (const { part, program } of parts) this.sound?.program(channelOf(part, program), program);
  }

  // ---- the connection -----------------------------------------------------------------------------------

  private linked(link: Link): void {
    if (link === "lost" || link === "refused") this.silenceMachine();
    if (link === "refused") this.clock.stop();
    this.surface.changed();
  }

  private welcomed(resumed: boolean): void {
    if (this.isGuest) this.join(HIGHEST_PART);
    else if (this.plays && !resumed) this.beginAnew();
  }

  private refused(code: string, reason: string): void {
    if (this.isGuest && code === "bad_setting" && this.you > 1) this.join(this.you - 1);
    else if (this.isGuest && (code === "session_over" || code === "no_session")) this.comeBack();
    else if (code !== "full") this.tell(`The server says: ${reason}.`);
  }

  tell(notice: string): void {
    this.notice = notice;
    this.noticeUntil = performance.now() + NOTICE_MS;
    this.surface.changed();
  }

  // ---- rooms --------------------------------------------------------------------------------------------

  private get hosts(): Start | null {
    return this.isGuest ? (this.watch.sessions.get(this.room)?.start ?? null) : null;
  }

  private join(part: number): void {
    this.you = part;
    this.clock.stop();
    this.connection.send({ type: "join", session: this.room, player: { part, program: this.settings.program } });
    this.adopt();
  }

  private adopt(): void {
    const start = this.hosts;
    if (!start) return;
    this.clock.bpm = start.bpm;
    this.stretches = [{ tick: 0, bpm: start.bpm, meter: start.meter }];
    this.notes.clear();
    this.applyPrograms();
  }

  private comeBack(): void {
    this.clock.stop();
    this.silenceMachine();
    this.tell("Nobody plays in that room now; you are in as soon as somebody does.");
    setTimeout(() => this.isGuest && this.connection.link === "on" && this.join(HIGHEST_PART), REJOIN_MS);
  }

  // Who else plays in our room is heard by way of the watchers.
  private overhear(message: WatchMessage): void {
    if (message.type === "note" && message.session === (this.room || this.connection.session) && this.isOn) {
      const { tick, part, pitch, velocity } = message.note;
      if (part === this.you) return;
      const channel = channelOf(part === YOU && this.isGuest ? HIGHEST_PART - 3 : part, 0);
      if (velocity) this.notes.press(tick + this.base, part, pitch, velocity, "guest");
      else this.notes.release(tick + this.base, part, pitch);
      if (velocity) this.sound?.on(channel, pitch, velocity);
      else this.sound?.off(channel, pitch);
      this.surface.light(pitch, "guest", velocity > 0);
    } else if (message.type === "began" && message.session === this.room && this.clock.runs) {
      this.adopt();
    } else if (message.type !== "plan") {
      this.surface.changed();
    }
  }

  /** Another session, which one may watch: not ours. */
  get others(): string[] {
    return [...this.watch.sessions.keys()].filter((name) => name !== this.connection.session);
  }

  // ---- files and pictures -------------------------------------------------------------------------------

  async drop(file: File): Promise<void> {
    try {
      this.prompt = readPrompt(new Uint8Array(await file.arrayBuffer()), 1);
      if (this.plays) this.stop();
      this.change({ mode: "continue", bpm: this.prompt.bpm, meter: this.prompt.meter });
    } catch (error) {
      this.tell((error as Error).message);
    }
  }

  /** The set so far, as a MIDI file. */
  file(): Uint8Array<ArrayBuffer> {
    const program = (part: number) => (part === this.you ? this.settings.program : this.programOf(part));
    const voices = [...new Set(this.notes.all.map((note) => note.part))].sort((a, b) => a - b).map((part): Voice => {
      const who = this.notes.all.find((note) => note.part === part)?.who === "machine" ? "Machine" : "Human";
      return { part, program: program(part), name: `${who} ${part + 1}: ${INSTRUMENTS[program(part)] ?? "piano"}` };
    });
    return writeSet(this.notes.all, this.stretches, voices, Math.round(this.clock.tickAt(this.heardNow) ?? Infinity));
  }

  /** What the roll shows: our set, or while none plays somebody else's. */
  view(): View {
    const watched = this.plays || this.notes.all.length ? undefined : this.watch.sessions.get(this.room || (this.others[0] ?? ""));
    const clock = watched?.clock ?? this.clock;
    const stretches = watched ? [{ tick: 0, bpm: watched.start.bpm, meter: watched.start.meter }] : this.stretches;
    const chart = this.settings.chords === "follow" ? "" : this.settings.chords;
    return {
      notes: watched?.notes ?? this.notes,
      now: clock.tickAt(this.heardNow) ?? this.lastTick,
      stretches: (stretches.length ? stretches : [{ tick: 0, meter: this.settings.meter }]).map((each) => ({ tick: each.tick, meter: meterOf(each.meter) })),
      chords: watched || !chart ? [] : chart.split("|").map((bar) => bar.trim()),
    };
  }

  // A set that has ended stands still where it ended.
  private get lastTick(): number {
    return this.notes.all.reduce((last, note) => Math.max(last, note.end ?? note.tick), 0);
  }
}

function asPrompt({ tick, end, part, pitch, velocity, who }: Note): PromptNote {
  return { tick, duration: Math.max(1, (end ?? tick + 1) - tick), part: who === "guest" ? YOU : part, pitch, velocity };
}

