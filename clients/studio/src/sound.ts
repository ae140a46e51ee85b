// The page's own instruments: a General MIDI synthesizer in an audio worklet, with clicks for the metronome.
// Human and machine have a bus each, so that either can be measured, and the machine silenced at once.

import { WorkletSynthesizer } from "spessasynth_lib";
import { LOUDNESS } from "./channels";
import { DRUMS } from "./wire";

const BANK = "band.sf3";
const PROCESSOR = "built/synth.js";
const HUSH_S = 0.25;
const CLICK_S = 0.03;

export type Side = "human" | "machine";

export class Sound {
  private readonly sides: Record<Side, { bus: GainNode; ear: AnalyserNode; samples: Float32Array<ArrayBuffer> }>;
  private offset: number | null = null; // performance time minus the audio time that is heard then, in ms
  private measuredAt = 0;

  private constructor(
    readonly context: AudioContext,
    private readonly synth: WorkletSynthesizer,
  ) {
    const side = () => {
      const bus = new GainNode(context, { gain: LOUDNESS });
      const ear = new AnalyserNode(context, { fftSize: 1024 });
      bus.connect(ear).connect(context.destination);
      return { bus, ear, samples: new Float32Array(ear.fftSize) };
    };
    this.sides = { human: side(), machine: side() };
  }

  /** Ready to sound, once the browser lets it: see `unlock`. */
  static async load(): Promise<Sound> {
    const context = new AudioContext({ latencyHint: "interactive" });
    const [bank] = await Promise.all([
      fetch(BANK).then((response) => response.arrayBuffer()),
      context.audioWorklet.addModule(PROCESSOR),
    ]);
    const synth = new WorkletSynthesizer(context, { eventsEnabled: false });
    await synth.isReady;
    await synth.soundBankManager.addSoundBank(bank, "band");
    return new Sound(context, synth);
  }

  /** In the handler of a click or a key. */
  async unlock(humans: ReadonlySet<number>): Promise<void> {
    for (let channel = 0; channel < 16; channel++) {
      this.synth.connectChannel(this.sides[humans.has(channel) ? "human" : "machine"].bus, channel);
    }
    (this.synth as unknown as { worklet: AudioWorkletNode }).worklet.connect(this.context.destination, 0); // reverb
    await this.context.resume();
  }

  get now(): number {
    return this.context.currentTime;
  }

  /** How long a sound takes from here to the ear, in seconds. */
  get latency(): number {
    return (this.context.baseLatency || 0) + (this.context.outputLatency || 0);
  }

  /** The audio time that one hears at this time of `performance.now()`: what musicians play to. */
  heard(at: number): number {
    this.measure();
    return (at - (this.offset ?? 0)) / 1000;
  }

  /** When one hears what sounds at this audio time, in the time of `performance.now()`. */
  heardAt(seconds: number): number {
    this.measure();
    return seconds * 1000 + (this.offset ?? 0);
  }

  program(channel: number, program: number): void {
    if (program !== DRUMS) this.synth.programChange(channel, program);
  }

  on(channel: number, pitch: number, velocity: number, at = 0): void {
    this.synth.noteOn(channel, pitch, velocity, { time: at });
  }

  off(channel: number, pitch: number, at = 0): void {
    this.synth.noteOff(channel, pitch, { time: at });
  }

  pedal(channel: number, down: boolean): void {
    this.synth.controllerChange(channel, 64, down ? 127 : 0);
  }

  /** The machine falls silent, also what has been handed to the synthesizer for the next moments. */
  hush(): void {
    const gain = this.sides.machine.bus.gain;
    gain.cancelScheduledValues(this.now);
    gain.setTargetAtTime(0, this.now, 0.01);
    gain.setTargetAtTime(LOUDNESS, this.now + HUSH_S, 0.01);
  }

  panic(): void {
    this.hush();
    this.synth.stopAll(true);
  }

  click(at: number, first: boolean): void {
    const oscillator = new OscillatorNode(this.context, { type: "square", frequency: first ? 1760 : 1175 });
    const gain = new GainNode(this.context, { gain: 0 });
    gain.gain.setValueAtTime(first ? 0.12 : 0.07, at);
    gain.gain.exponentialRampToValueAtTime(0.0005, at + CLICK_S);
    oscillator.connect(gain).connect(this.context.destination);
    oscillator.start(at);
    oscillator.stop(at + CLICK_S);
  }

  /** How loud a side is now: root mean square, before reverb. */
  level(side: Side): number {
    const { ear, samples } = this.sides[side];
    ear.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);
  }

  // The two clocks drift, and the audio clock moves in steps: jumps are followed, jitter is smoothed away.
  private measure(): void {
    const now = performance.now();
    if (now - this.measuredAt < 10) return;
    this.measuredAt = now;
    const { contextTime = 0, performanceTime = 0 } = this.context.getOutputTimestamp();
    const offset = performanceTime ? performanceTime - contextTime * 1000 : now + this.latency * 1000 - this.now * 1000;
    const drift = this.offset === null ? Infinity : offset - this.offset;
    this.offset = Math.abs(drift) > 50 ? offset : (this.offset ?? 0) + drift * 0.05;
  }
}
