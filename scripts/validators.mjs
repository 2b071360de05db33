// Writes dist/spec/validators/NAME.cjs: the validator of each schema, compiled, so that no command spends its time on it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'dist/spec/validators');
const standalone = createRequire(import.meta.url)('ajv/dist/standalone').default;
const load = (file) => import(pathToFileURL(join(root, 'dist/spec', file)).href);
const [{ createAjv, compileValidator }, { KINDS }] = await Promise.all([load('schemas.js'), load('kinds.js')]);

mkdirSync(folder, { recursive: true });
for (const name of [...KINDS, 'project']) {
  const ajv = createAjv(true);
  writeFileSync(join(folder, `${name}.cjs`), standalone(ajv, compileValidator(ajv, name)));
}
