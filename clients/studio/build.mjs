// Builds the studio: `npm ci && npm run build`. A folder may be named to build into.
import { build } from "esbuild";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";

const folder = process.argv[2] ?? "../../server/studio/built";
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await build({
  entryPoints: ["src/studio.tsx", "src/status.ts", "src/ticker.ts", "src/render.ts", "src/listen.tsx"],
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome109", "firefox115", "safari16.4"],
  legalComments: "none",
});
const processor = await readFile("node_modules/spessasynth_lib/dist/spessasynth_processor.min.js", "utf8");
await writeFile(`${folder}/synth.js`, processor.replace(/\/\/# sourceMappingURL=.*\s*$/, ""));

// What others wrote of these files, and on what terms.
const others = ["midi-file", "preact", "spessasynth_core", "spessasynth_lib", "stb-vorbis"];
const texts = others.map(async (name) => {
  const { version } = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
  const file = name === "midi-file" ? "LICENSE.md" : "LICENSE";
  return `==== ${name} ${version}\n\n${(await readFile(`node_modules/${name}/${file}`, "utf8")).trim()}\n`;
});
await writeFile(`${folder}/LICENSES.txt`, (await Promise.all(texts)).join("\n"));
