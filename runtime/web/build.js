/**
 * Builds what the Python package ships (`runtime/aezip/viewer/web/`, or the folder named): the decoder as one minified module
 * with its types, the viewer page, and the smallest build of onnxruntime-web that runs them.
 *
 *     npm ci && npm run build
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = process.argv[2] ?? `${here}../aezip/viewer/web`;
const ort = `${here}node_modules/onnxruntime-web`;

/** The page loads the module and onnxruntime-web as files of their own, as any other page would. */
const apart = {
  name: 'apart',
  /** @param {import('esbuild').PluginBuild} bundler */
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/aezip\.js$/ }, () => ({ path: './aezip.js', external: true }));
    onResolve({ filter: /^onnxruntime-web\/wasm$/ }, () => ({ path: './ort.mjs', external: true }));
  },
};

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: ['aezip.js', 'viewer/viewer.js', 'viewer/worker.js'],
  entryNames: '[name]',
  outdir: out,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  plugins: [apart],
});
for (const name of ['index.html', 'style.css', 'icon.svg', 'LICENSES.txt']) copyFileSync(`${here}viewer/${name}`, `${out}/${name}`);
const module = readFileSync(`${ort}/dist/ort.wasm.bundle.min.mjs`, 'utf8');
writeFileSync(`${out}/ort.mjs`, module.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'));
// a third of its size, also on disk; the server says that it is compressed
writeFileSync(`${out}/ort-wasm-simd-threaded.wasm.gz`, gzipSync(readFileSync(`${ort}/dist/ort-wasm-simd-threaded.wasm`), { level: 9 }));
