// Writes docs/specs.md from schemas/*.schema.json. `--check` fails where the file on disk is not what would be written.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'docs/specs.md');
const read = (name) => JSON.parse(readFileSync(join(root, 'schemas', `${name}.schema.json`), 'utf8'));
const files = { common: read('common') };
const kinds = [
  'project',
  'source',
  'entity',
  'feature_set',
  'feature_service',
  'pipeline',
  'model',
  'endpoint',
  'policy',
];
for (const kind of kinds) files[kind] = read(kind);

const titles = {
  project: 'Project',
  source: 'Source',
  entity: 'Entity',
  feature_set: 'FeatureSet',
  feature_service: 'FeatureService',
  pipeline: 'Pipeline',
  model: 'Model',
  endpoint: 'Endpoint',
  policy: 'Policy',
};
const common = ['description', 'owner', 'tags', 'protect', 'movedFrom'];

function resolve(node, file) {
  if (node.$ref === undefined) return { node, file };
  const [other, path] = node.$ref.split('#');
  const next = other === '' ? file : other.replace('.schema.json', '');
  let found = files[next];
  for (const segment of path.split('/').slice(1)) found = found[segment];
  const target = resolve(found, next);
  const name = path.split('/').at(-1);
  return { ...target, name: target.name ?? name, description: node.description };
}

/** A type as people say it; shapes with fields of their own are named and told after the table. */
function typeOf(written, file, inner) {
  const { node, file: at, name } = resolve(written, file);
  if (written['x-ref'])
    return written['x-ref'] === 'feature' ? '`set` or `set.feature`' : `${titles[written['x-ref']]} by name`;
  if (node['x-function']) return 'function';
  if (node['x-short']) return `${typeOf(node.anyOf.at(-1), at, inner)} or its ${node['x-short']}`;
  if (node['x-sql'] || written['x-sql'] || name === 'Sql') return 'SQL';
  if (node['x-dtype']) return 'dtype';
  if (node.enum) return node.enum.map((value) => `\`${value}\``).join(' ');
  if (node.const !== undefined) return `\`${node.const}\``;
  if (['Duration', 'Size', 'Cron', 'Timezone', 'Name', 'Column'].includes(name)) return name.toLowerCase();
  if (name === 'Secret') return 'text or `env(…)`';
  if (node.oneOf && node.discriminator) {
    for (const branch of node.oneOf) note(branch, at, inner);
    return 'task';
  }
  if (node.anyOf && !node.properties)
    return [...new Set(node.anyOf.map((branch) => typeOf(branch, at, inner)))].join(' or ');
  if (node.type === 'array') return `list of ${typeOf(node.items, at, inner)}`;
  if (node.type === 'object' && node.properties) {
    const title = note(written, file, inner);
    return title === undefined ? 'map' : `[${title}](#${title.toLowerCase()})`;
  }
  if (node.type === 'object' && node.additionalProperties === undefined) return 'resource';
  if (node.type === 'object') return `map of ${typeOf(node.additionalProperties, at, inner)}`;
  if (Array.isArray(node.type)) return node.type.map(plain).join(', ');
  return plain(node.type);
}

const plain = (type) =>
  ({ string: 'text', integer: 'whole number', number: 'number', boolean: 'true or false' })[type] ?? type;

function note(written, file, inner) {
  const { node, file: at, name } = resolve(written, file);
  const title = node.title ?? name;
  if (title !== undefined && !inner.has(title)) inner.set(title, { node, file: at });
  return title;
}

function table(node, file, inner, path = '') {
  const rows = [];
  for (const [field, property] of Object.entries(node.properties)) {
    const { node: target, description = property.description ?? target.description ?? '' } = resolve(property, file);
    const required = node.required?.includes(field) ? ' **required**' : '';
    const text = (property.description ?? description).replaceAll('|', '\\|');
    const nested = target.type === 'object' && target.properties && !target.title && property.$ref === undefined;
    rows.push(
      `| \`${path}${field}\`${required} | ${nested ? 'map' : typeOf(property, file, inner).replaceAll('|', '\\|')} | ${text} |`,
    );
    if (nested) rows.push(...table(target, file, inner, `${path}${field}.`));
  }
  return rows;
}

const out = [
  '<!-- Generated from schemas/*.schema.json by scripts/generate-docs.mjs: do not edit. -->',
  '# Specs: every kind and field',
  '',
  "The same fields in TypeScript (`import { featureSet, … } from 'mlops'`) and in YAML (`kind: FeatureSet`). A reference is the",
  'value that a builder returned, or a name. Durations are written `90s 15m 2h 7d`, sizes `512Mi 2Gi`. In YAML and JSON',
  'snake_case spellings (`event_time`) are accepted too, and so are lists of named tasks and features instead of maps.',
  '',
  'Every kind has `name` and may have `description`, `owner` (the team that answers for it), `tags` (free labels), `protect` (refuse',
  'to destroy it; removing the block does not lift that) and `movedFrom` (its former name).',
  '',
];
const told = new Set();
for (const kind of kinds) {
  const schema = files[kind];
  const inner = new Map();
  out.push(`## ${titles[kind]}`, '', schema.description, '');
  const properties = Object.fromEntries(
    Object.entries(schema.properties).filter(
      ([field]) => kind === 'project' || (field !== 'name' && !common.includes(field)),
    ),
  );
  out.push('| field | type | |', '|---|---|---|', ...table({ ...schema, properties }, kind, inner), '');
  const choice = (schema.oneOf ?? []).flatMap((branch) => branch.required ?? []);
  if (choice.length > 0) out.push(`Exactly one of ${choice.map((field) => `\`${field}\``).join(', ')}.`, '');
  for (const [title, { node, file }] of inner) {
    if (told.has(title) || !node.properties) continue;
    told.add(title);
    const operator = node.properties.operator?.const;
    out.push(
      `### ${title}`,
      '',
      operator ? `\`operator: ${operator}\`. ${node.description}` : (node.description ?? ''),
      '',
    );
    const shown = operator
      ? {
          ...node,
          properties: Object.fromEntries(Object.entries(node.properties).filter(([field]) => !isShared(field))),
        }
      : node;
    const rows = table(shown, file, inner);
    if (rows.length > 0) out.push('| field | type | |', '|---|---|---|', ...rows, '');
  }
  if (kind === 'pipeline') {
    const { node } = resolve({ $ref: '#/$defs/CommandTask' }, 'pipeline');
    const shared = Object.fromEntries(
      Object.entries(node.properties).filter(([field]) => isShared(field) && field !== 'operator'),
    );
    out.push(
      '### Every task',
      '',
      '| field | type | |',
      '|---|---|---|',
      ...table({ properties: shared }, 'pipeline', inner),
      '',
    );
    for (const [title, { node: shape, file }] of inner) {
      if (told.has(title) || !shape.properties) continue;
      told.add(title);
      out.push(
        `### ${title}`,
        '',
        shape.description ?? '',
        '',
        '| field | type | |',
        '|---|---|---|',
        ...table(shape, file, inner),
        '',
      );
    }
  }
}

out.push(
  '## Rules',
  '',
  '- **References.** In TypeScript whatever a listed resource refers to belongs to the project, listed or not; a resource that nothing',
  '  refers to and that is not listed is left out with a warning.',
  '- **Operands.** A task that leaves out what it works on takes it from the nearest task upstream, else from the project where there is',
  '  only one candidate; else it is an error that names the candidates. A pipeline in which no task declares `needs` runs in the order',
  '  written; once one does, the graph is exactly what is declared.',
  "- **SQL** is in DuckDB's dialect, or in the one that the project names (`dialect`), and reads sources by name. Indentation and a final semicolon do not count. In TypeScript",
  '  `` sql`…` `` turns an interpolated source into its name, a feature into its column, another `` sql`…` `` into its text, and',
  '  numbers and texts into literals. Syntax, tables and columns are checked when the project is loaded.',
  '- **Expressions** (`expr`, `when`) are Common Expression Language. Numbers are doubles: `1 / 2` is 0.5. A null in gives a null out, in',
  '  arithmetic, comparisons and functions; `a == null ? 0 : a` and `coalesce(a, 0)` take it up. What is no finite number (a division by',
  "  zero) is null. Functions beside CEL's own: `abs ceil floor round sqrt exp log pow min max coalesce`.",
  `- **Secrets** are \`env('NAME')\` in TypeScript and \`\${env:NAME}\` in YAML and JSON, as a whole value. They are resolved when used and never stored.`,
  '- **Code.** A task that runs a program gets a fresh directory with its bundle: the files and folders of the project that the words of its',
  '  command name, and those that the globs of `code` match. Hidden files and `node_modules` are left out.',
  '',
);

function isShared(field) {
  return [
    'operator',
    'description',
    'needs',
    'trigger',
    'when',
    'retry',
    'timeout',
    'deadline',
    'resources',
    'priority',
  ].includes(field);
}

/** The fields of an operator's task between the marks of its page; shapes that they name are told in docs/specs.md. */
function withFields(page, operator) {
  const found = Object.values(files.pipeline.$defs).find((task) => task.properties?.operator?.const === operator);
  if (found === undefined) throw new Error(`docs/operators/${operator}.md: there is no such operator`);
  const properties = Object.fromEntries(Object.entries(found.properties).filter(([field]) => !isShared(field)));
  const rows = table({ ...found, properties }, 'pipeline', new Map()).map((row) =>
    row.replaceAll('](#', '](../specs.md#'),
  );
  const told = [
    ...(rows.length > 0 ? ['| field | type | |', '|---|---|---|', ...rows, ''] : []),
    'And the fields of [every task](../specs.md#every-task).',
  ];
  return page.replace(
    /(<!-- fields -->\n).*(<!-- \/fields -->)/s,
    (_, begin, end) => `${begin}${told.join('\n')}\n${end}`,
  );
}

const pages = new Map([[target, `${out.join('\n').trimEnd()}\n`]]);
const operators = join(root, 'docs/operators');
for (const name of readdirSync(operators)) {
  const path = join(operators, name);
  pages.set(path, withFields(readFileSync(path, 'utf8'), name.replace(/\.md$/, '')));
}
for (const [path, text] of pages) {
  if (!process.argv.includes('--check')) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    process.stderr.write(`${relative(root, path)} is out of date: run npm run generate\n`);
    process.exitCode = 1;
  }
}
