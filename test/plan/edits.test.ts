/** Every field of every kind: what an edit of it means. docs/plan.md shows the same table; UPDATE=1 rewrites it there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/plan/change.ts';
import { createPlan } from '../../src/plan/create-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { addressOf } from '../../src/spec/address.ts';
import { KINDS as DECLARED, type Kind } from '../../src/spec/kinds.ts';
import type { Project } from '../../src/spec/project.ts';
import { applyProject, memoryEffects } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { EDITED, EDITS, everything, FACTS, WHOLE, withValue } from '../support/plan-edits.ts';
import { projectOf, resource } from '../support/specs.ts';

const root = join(import.meta.dirname, '../..');
const KINDS: readonly Kind[] = [...DECLARED, 'environment'];

type Schema = { readonly [key: string]: unknown };

const schemaFile = (name: string): Schema => JSON.parse(readFileSync(join(root, 'schemas', name), 'utf8'));

/** What an environment says, but for where it keeps things and where it listens. */
function environmentSchema(): Schema {
  const file = schemaFile('project.schema.json');
  const { properties } = (file['$defs'] as Record<string, Schema>)['Environment'] as {
    properties: Record<string, Schema>;
  };
  const { control: _c, offline: _f, online: _n, daemon, ...said } = properties;
  const { resources } = (daemon as { properties: Record<string, Schema> }).properties;
  return { ...file, properties: { ...said, resources } };
}

/** Every value that a spec of the kind can hold: `features.*.unit`. Lists of plain values are one. */
function fieldsOf(kind: Kind): ReadonlySet<string> {
  const file = kind === 'environment' ? environmentSchema() : schemaFile(`${kind}.schema.json`);
  const found = new Set<string>();
  const visit = (node: Schema, within: Schema, path: string): void => {
    if (typeof node['$ref'] === 'string') {
      const [name = '', pointer = ''] = node['$ref'].split('#');
      const home = name === '' ? within : schemaFile(name);
      const target = (home['$defs'] as Record<string, Schema>)[pointer.replace('/$defs/', '')] as Schema;
      visit(target, home, path);
      return;
    }
    const below = (segment: string): string => (path === '' ? segment : `${path}.${segment}`);
    if (node['discriminator'] !== undefined) {
      const operators = (node['oneOf'] as Schema[]).map((branch) => operatorFields(branch, within));
      const [first, ...others] = operators;
      const shared = new Set(
        [...(first?.fields ?? [])].filter((field) => others.every(({ fields }) => fields.has(field))),
      );
      for (const { operator, fields } of operators)
        for (const field of fields) found.add(`${path.replace(/\*$/, shared.has(field) ? '*' : operator)}.${field}`);
      return;
    }
    const objects = ((node['anyOf'] ?? []) as Schema[]).filter((branch) => branch['$ref'] === '#/$defs/Feature');
    if (objects[0] !== undefined) {
      visit(objects[0], within, path);
      return;
    }
    const properties = node['properties'] as Record<string, Schema> | undefined;
    const rest = node['additionalProperties'] as Schema | boolean | undefined;
    const items = node['items'] as Schema | undefined;
    if (node['title'] === 'EnvRef') found.add(path);
    else if (properties !== undefined)
      for (const [name, child] of Object.entries(properties)) visit(child, within, below(name));
    else if (typeof rest === 'object') visit(rest, within, below('*'));
    else if (
      items !== undefined &&
      (/\/(Gate|RolloutStep|RolloutAnalysis)$/.test(String(items['$ref'])) || items['properties'] !== undefined)
    )
      visit(items, within, `${path}[]`);
    else found.add(path);
  };
  const operatorFields = (branch: Schema, within: Schema): { operator: string; fields: Set<string> } => {
    const definition = (within['$defs'] as Record<string, Schema>)[
      String(branch['$ref']).replace('#/$defs/', '')
    ] as Schema;
    const before = new Set(found);
    visit(definition, within, '@');
    const fields = new Set([...found].filter((field) => !before.has(field)).map((field) => field.slice(2)));
    for (const field of fields) found.delete(`@.${field}`);
    const operator = (definition['properties'] as Record<string, Schema>)['operator'] as Schema;
    return { operator: String(operator['const']), fields };
  };
  visit(file, file, '');
  found.delete('name');
  return found;
}

function changeOf(plan: Plan, address: string): Change {
  const found = plan.changes.find((change) => change.address === address);
  if (found === undefined) throw new Error(`no change of ${address}`);
  return found;
}

async function planned(before: Project, after: Project): Promise<Plan> {
  const state = memoryStateStore();
  await applyProject(before, state, { effects: memoryEffects() });
  return createPlan({ project: after, environment: 'dev', state: await state.read(), mode: 'apply', facts: FACTS });
}

const codesOf = ({ findings }: Change): readonly string[] => [...new Set(findings.map(({ code }) => code))].sort();

for (const kind of KINDS) {
  describe(`edits of ${kind}`, () => {
    it('have a line in the table for every field of the schema, and for no other', () => {
      const fields = fieldsOf(kind);
      const told = new Set(EDITS.filter((edit) => edit.kind === kind).map(({ field }) => field));
      expect([...fields].filter((field) => !told.has(field))).toEqual([]);
      // A line may be about a field as a whole: `schedule`, `features.*`, `tasks.model_training`.
      const within = (field: string): boolean =>
        fields.has(field) || [...fields].some((one) => one.startsWith(`${field}.`));
      expect([...told].filter((field) => !within(field))).toEqual([]);
    });

    for (const { field, edit, path, was, becomes, class: gravest, codes } of EDITS.filter((one) => one.kind === kind)) {
      it(`${field} ${edit}: ${gravest}${codes.length === 0 ? '' : ` ${codes.join(' ')}`}`, async () => {
        const before = withValue(everything(), kind, path, was);
        const plan = await planned(before, withValue(before, kind, path, becomes));
        const change = changeOf(plan, addressOf(kind, EDITED[kind]));
        // A former name that is left in is no difference.
        expect(change.actions).toEqual([field === 'movedFrom' ? 'no-op' : 'update']);
        expect({ class: change.class, codes: codesOf(change) }).toEqual({ class: gravest, codes: [...codes].sort() });
        for (const { severity, detail, at, fix, code } of change.findings) {
          expect(detail, code).toMatch(/^\S.*\.$/s);
          expect(at, code).not.toBeNull();
          if (severity === 'error') expect(fix, `${code} names a way`).not.toBeNull();
        }
      });
    }
  });
}

describe('a whole resource', () => {
  const lone = (name: string, movedFrom?: string): Project =>
    projectOf(
      [...everything().resources.values()].map((one) =>
        one.name === EDITED[one.kind] && one.address === addressOf(one.kind, EDITED[one.kind]) && one.kind === renaming
          ? resource(
              one.kind,
              { ...one.spec, name, ...(movedFrom !== undefined && { movedFrom }) } as never,
              one.dependsOn,
            )
          : one,
      ),
    );
  let renaming: Kind = 'source';

  for (const { kind, edit, class: gravest, codes } of WHOLE) {
    it(`${kind} ${edit}: ${gravest} ${codes.join(' ')}`, async () => {
      renaming = kind;
      const address = addressOf(kind, EDITED[kind]);
      const all = everything();
      const without = projectOf([...all.resources.values()].filter((one) => one.address !== address));
      const [before, after, at] =
        edit === 'made'
          ? [without, all, address]
          : edit === 'destroyed'
            ? [all, without, address]
            : [all, lone('new_name', EDITED[kind]), addressOf(kind, 'new_name')];
      const change = changeOf(await planned(before, after), at);
      expect({ class: change.class, codes: codesOf(change) }).toEqual({ class: gravest, codes });
    });
  }
});

it('docs/plan.md shows the table', () => {
  const lines = [
    '| kind | field | edit | class | codes |',
    '|---|---|---|---|---|',
    ...KINDS.flatMap((kind) => [
      ...WHOLE.filter((one) => one.kind === kind).map((one) => ({ ...one, field: '' })),
      ...EDITS.filter((one) => one.kind === kind && !COMMON.includes(one.field)),
    ]).map(
      ({ kind, field, edit, class: gravest, codes }) =>
        `| ${kind} | ${field === '' ? '' : `\`${field}\``} | ${edit} | ${gravest} | ${codes.join(' ')} |`,
    ),
    ...EDITS.filter((one) => one.kind === 'source' && COMMON.includes(one.field)).map(
      ({ field, edit, class: gravest, codes }) =>
        `| every | \`${field}\` | ${edit} | ${gravest} | ${codes.join(' ')} |`,
    ),
  ].join('\n');
  const file = join(root, 'docs/plan.md');
  const page = readFileSync(file, 'utf8');
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  expect(start).toBeGreaterThan(0);
  expect(end).toBeGreaterThan(start);
  const written = `${page.slice(0, start)}${START}\n${lines}\n${page.slice(end)}`;
  if (process.env['UPDATE'] === '1') writeFileSync(file, written);
  else expect(page).toBe(written);
});

const START = '<!-- edits -->';
const END = '<!-- /edits -->';
const COMMON = ['description', 'owner', 'tags.*', 'protect', 'suppress[].code', 'suppress[].reason', 'movedFrom'];
