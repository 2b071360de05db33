// Writes the reference parts of docs/cli.md (from the commands) and docs/http-api.md (from the routes) between their marks.
// `--check` fails where a page is not what would be written, or where a command or a route has no example on its page.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const jiti = createJiti(import.meta.url, { fsCache: false });
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const problems = [];

async function commands() {
  const folder = join(root, 'src/cli/commands');
  const files = readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({
      file,
      name: file
        .replace(/(\/index)?\.ts$/, '')
        .replaceAll(sep, '/')
        .replaceAll('/', ' '),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const found = [];
  for (const { file, name } of files)
    found.push({ name, command: await jiti.import(join(folder, file), { default: true }) });
  return found;
}

/** `-y, --yes`, `--target VALUE`. */
function spelling(name, flag) {
  const long =
    flag.type === 'boolean' ? `--${flag.allowNo ? '[no-]' : ''}${name}` : `--${name} ${placeholder(name, flag)}`;
  return flag.char === undefined ? `\`${long}\`` : `\`-${flag.char}\`, \`${long}\``;
}

const placeholder = (name, { description = '' }) =>
  /^([A-Z]+=VALUE)/.exec(description)?.[1] ??
  (name === 'port' || name === 'limit' || name === 'timeout' || name === 'attempt' ? 'N' : name.toUpperCase());

function notes(flag) {
  const description = flag.description ?? '';
  return [
    description,
    flag.options === undefined ? '' : `One of ${flag.options.map((option) => `\`${option}\``).join(' ')}.`,
    flag.required && !('allowNo' in flag) ? 'Required.' : '',
    flag.default === undefined || Array.isArray(flag.default) || flag.type === 'boolean' || /default/i.test(description)
      ? ''
      : `Default ${flag.default}.`,
  ]
    .filter(Boolean)
    .join(' ');
}

const flagRows = (flags) => [
  '| flag | |',
  '|---|---|',
  ...Object.entries(flags).map(([name, flag]) => `| ${spelling(name, flag)} | ${cell(notes(flag))} |`),
];

async function commandReference(page) {
  const all = await commands();
  const out = ['## Reference', '', '### Every command', '', ...flagRows(all[0].command.baseFlags)];
  for (const { name, command } of all) {
    if (!new RegExp(`^\\$ (npx )?mlops ${name}\\b`, 'm').test(page))
      problems.push(`docs/cli.md has no example of mlops ${name}`);
    const args = Object.entries(command.args ?? {});
    const usage = args.map(([arg, { required }]) => (required ? arg.toUpperCase() : `[${arg.toUpperCase()}]`));
    out.push('', `### mlops ${name}`, '', `\`${['mlops', name, ...usage].join(' ')}\``, '', command.summary);
    if (args.length > 0)
      out.push(
        '',
        '| argument | |',
        '|---|---|',
        ...args.map(([arg, value]) => `| \`${arg.toUpperCase()}\` | ${cell(notes(value))} |`),
      );
    if (Object.keys(command.flags ?? {}).length > 0) out.push('', ...flagRows(command.flags));
  }
  return out;
}

function fields(schema) {
  if (schema?.properties === undefined) return '';
  const required = new Set(schema.required ?? []);
  return Object.keys(schema.properties)
    .map((name) => (required.has(name) ? `**\`${name}\`**` : `\`${name}\``))
    .join(' ');
}

async function routeReference(page) {
  const { allRoutes } = await jiti.import(join(root, 'src/api/routes.ts'));
  const routes = allRoutes({});
  // Paths of other protocols have pages of their own.
  const pages = Object.fromEntries(
    ['feast', 'mlflow', 'inference'].map((tag) => [tag, readFileSync(join(root, `docs/${tag}.md`), 'utf8')]),
  );
  const examplesOf = (tag) => (pages[tag] ?? page).split('\n').filter((line) => line.startsWith('$ '));
  const out = [
    '## Reference',
    '',
    'Required members are bold. `GET /openapi.json` has their types and the shapes of the answers.',
  ];
  for (const tag of new Set(routes.map((route) => route.tag))) {
    out.push(
      '',
      `### ${tag[0].toUpperCase()}${tag.slice(1)}`,
      '',
      '| route | does | takes | answers |',
      '|---|---|---|---|',
    );
    for (const route of routes.filter((candidate) => candidate.tag === tag)) {
      const { method, path, summary, query, body, specBody, takesStream, answers } = route;
      const takes = [
        specBody === undefined ? '' : `a ${specBody} as in YAML`,
        takesStream ? 'bytes' : '',
        fields(body),
        query === undefined
          ? ''
          : `query: ${Object.keys(query)
              .map((name) => `\`${name}\``)
              .join(' ')}`,
      ];
      const answered = Object.entries(answers).map(([status, { description }]) => `${status} ${description}`);
      out.push(
        `| \`${method} ${path}\` | ${cell(summary)} | ${cell(takes.filter(Boolean).join('; '))} | ${cell(answered.join(' '))} |`,
      );
      if (!examplesOf(tag).some((line) => shows(line, route)))
        problems.push(`${tag in pages ? `docs/${tag}.md` : 'docs/http-api.md'} has no example of ${method} ${path}`);
    }
  }
  return out;
}

function shows(line, { method, path }) {
  const pattern = path
    .replace(/[.]/g, '\\.')
    .replace(/\{\w+\*\}/g, '\\S+')
    .replace(/\{\w+\}/g, '[^/\\s?\'"]+');
  if (!new RegExp(`localhost:8000${pattern}(?=[\\s?'")]|$)`).test(line)) return false;
  const explicit = /-X (\w+)/.exec(line)?.[1];
  return (explicit ?? (/ -T /.test(line) ? 'PUT' : / -d /.test(line) ? 'POST' : 'GET')) === method;
}

const check = process.argv.includes('--check');
for (const [file, mark, reference] of [
  ['docs/cli.md', 'commands', commandReference],
  ['docs/http-api.md', 'routes', routeReference],
]) {
  const page = readFileSync(join(root, file), 'utf8');
  const [begin, end] = [`<!-- generated: ${mark} -->\n`, '<!-- end -->'];
  const at = page.indexOf(begin) + begin.length;
  const text = `${page.slice(0, at)}\n${(await reference(page)).join('\n')}\n\n${page.slice(page.indexOf(end, at))}`;
  if (!check) writeFileSync(join(root, file), text);
  else if (page !== text) problems.push(`${file} is out of date: run npm run generate`);
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
process.exit();
