/** Plans of any size with any texts in every place that a person or a spec fills: what comments must survive. */
import fc from 'fast-check';
import { CHANGE_CLASSES, type Change, type Finding, NO_IMPACT } from '../../src/plan/change.ts';
import { PLAN_FORMAT, type Plan } from '../../src/plan/plan.ts';
import type { Address } from '../../src/spec/address.ts';

/** Where a text stands that others wrote. The number tells them apart. */
export type TextOf = (place: number) => string;

export interface PlanShape {
  readonly changes: number;
  readonly findings: number;
  readonly policies: number;
  readonly decisions: number;
  readonly unmanaged: number;
  readonly endpoints: number;
  readonly leftOut: number;
  /** Lines of the query that differs. */
  readonly lines: number;
}

const PIECES = [
  '`', '``', '```', '````', '~~~', '|', '||', '\\', '\\`', '<details>', '</details>', '</summary>', '<!--', '-->', '<script>', '<img src=x>',
  '&lt;', '&#64;', '@team', '@org/team', '#12', 'GH-7', '[x](http://e.example)', '![i](http://e.example/i)', 'http://e.example', '<http://e.example>',
  '*', '**', '_', '__', '~~', '- ', '+ ', '1. ', '# ', '> ', '---', '===', ':-:', '|---|', '    ', '\t', '\n', '\r', '\r\n', '\n\n', '\n```\n',
  '\n</details>\n', '\u0000', '\u001b[31m', '\u009b', '\u202e', '\u2028', '\ud83d', '🧪', '👩‍🔬', 'é', '名', '[ ]', '[^1]', '[x]: http://e.example',
] as const; // biome-ignore format: a table

/** Texts that try to leave their place. */
export const hostileText: fc.Arbitrary<string> = fc
  .array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom<string>(...PIECES) }, fc.string({ maxLength: 5 })), {
    minLength: 1,
    maxLength: 9,
  })
  .map((parts) => parts.join(''))
  .filter((text) => text.trim() !== '');

export function planOfShape(shape: PlanShape, text: TextOf): Plan {
  let place = 0;
  const next = (): string => {
    place += 1;
    return text(place);
  };
  const finding = (index: number): Finding => ({
    code: 'FS101',
    severity: (['error', 'warning', 'info'] as const)[index % 3] ?? 'info',
    summary: next(),
    detail: next(),
    at: index % 2 === 0 ? null : { file: next(), line: 3, column: 7 },
    fix: index % 3 === 0 ? null : next(),
    suppressed: index % 5 === 4 ? next() : null,
  });
  const changes = Array.from({ length: shape.changes }, (_, index): Change => {
    const lines = Array.from({ length: shape.lines }, (_line, number) => `select ${number} ${next()}`).join('\n');
    const address = `feature_set.s${index}` as Address;
    return {
      address,
      kind: 'feature_set',
      name: `s${index}`,
      previousAddress: null,
      actions: [(['create', 'update', 'delete'] as const)[index % 3] ?? 'update'],
      reason: next(),
      before: index % 3 === 0 ? null : { name: `s${index}`, owner: next(), description: next(), query: 'select 1' },
      after: index % 3 === 2 ? null : { name: `s${index}`, owner: next(), description: next(), query: lines },
      beforeSensitive: {},
      afterSensitive: {},
      afterUnknown: {},
      diffs: index % 3 === 1 ? [{ path: '/query', before: 'select 1\n', after: `${lines}\n` }] : [],
      // The last are the gravest.
      class: CHANGE_CLASSES[Math.max(0, index - shape.changes + CHANGE_CLASSES.length)] ?? 'safe',
      findings: index < shape.findings ? [finding(index)] : [],
      impact: {
        ...NO_IMPACT,
        downstream: [`model.m${index}`],
        endpoints: Array.from({ length: index === shape.changes - 1 ? shape.endpoints : 0 }, (_endpoint, number) => ({
          address: `endpoint.e${number}` as Address,
          owner: next(),
          requestsPerDay: number,
        })),
        rows: 5,
        days: 2,
        basis: next(),
      },
      digest: '',
      dependsOn: [],
      dependedOn: [],
      protect: false,
    };
  });
  const severityCount = (severity: string): number =>
    changes.flatMap(({ findings }) => findings).filter((one) => one.severity === severity).length;
  return {
    format: PLAN_FORMAT,
    mode: 'apply',
    project: 'clinic',
    environment: 'prod',
    lineage: null,
    serial: 3,
    specDigest: '',
    gitCommit: 'c0ffee0c0ffee0c0ffee',
    applyable: false,
    errored: true,
    complete: shape.leftOut === 0,
    targets: Array.from({ length: shape.leftOut }, (_, index) => `source.t${index}` as Address),
    leftOut: Array.from({ length: shape.leftOut }, (_, index) => `source.l${index}` as Address),
    against: null,
    changes,
    drift: [],
    decisions: Array.from({ length: shape.decisions }, () => ({
      kind: 'rename-or-create' as const,
      addresses: [],
      question: next(),
      options: [
        { meaning: next(), paste: next(), at: { file: next(), line: 1, column: 1 } },
        { meaning: next(), paste: null, at: null },
      ],
    })),
    policies: Array.from({ length: shape.policies }, (_, index) => ({
      address: `policy.p${index}` as Address,
      from: 'specs' as const,
      enforcement: index === shape.policies - 1 ? ('deny' as const) : ('warn' as const),
      outcome: 'violated' as const,
      message: '',
      addresses: [],
      violations: [
        { message: next(), addresses: changes.map(({ address }) => address) },
        { message: next(), addresses: [] },
      ],
      at: { file: next(), line: 9, column: 1 },
    })),
    rules: { FS101: 'warn' },
    unmanaged: Array.from({ length: shape.unmanaged }, (_, index) => ({
      address: `source.u${index}` as Address,
      kind: 'source' as const,
      name: `u${index}`,
    })),
    summary: {
      create: 1,
      update: 1,
      delete: 1,
      forget: 0,
      noOp: 0,
      unmanaged: shape.unmanaged,
      errors: severityCount('error'),
      warnings: severityCount('warning'),
      suppressed: 0,
      denied: 1,
      class: 'destructive',
      recompute: null,
    },
  };
}
