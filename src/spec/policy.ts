/** The canonical form of a policy: its expressions are checked against the plan's published shape, its function is text. */
import { MlopsError } from '../lib/error.ts';
import { compileExpression, type Expression, type ExpressionPlace } from '../lib/expression.ts';
import { compileTemplate } from '../lib/template.ts';
import type { CanonicalPolicy } from './canonical-specs.ts';
import { type Canonicalizing, report } from './lookup.ts';
import { unknownPlanField } from './plan-fields.ts';
import type { PolicySpec } from './schema-types.ts';

/** What an expression of a policy may read. */
export function policyVariables(spec: Pick<PolicySpec, 'each'>): readonly ('plan' | 'change')[] {
  return spec.each === undefined ? ['plan'] : ['plan', 'change'];
}

export function canonicalPolicy(spec: PolicySpec, into: Canonicalizing): CanonicalPolicy {
  const variables = policyVariables(spec);
  const texts: { -readonly [F in 'message' | 'each' | 'when']?: string } = {};
  for (const field of ['message', 'each', 'when'] as const) {
    const written = spec[field];
    if (written === undefined) continue;
    // A block of YAML ends in a newline.
    const text = written.trimEnd();
    texts[field] = text;
    try {
      const compiled =
        field === 'message'
          ? compileTemplate(text, variables, { documents: true }).expressions
          : [{ expression: compileExpression(text, variables, { documents: true }), start: 0 }];
      for (const { expression, start } of compiled) checkReads(expression, start, `/${field}`, into);
    } catch (error) {
      if (!(error instanceof MlopsError)) throw error;
      report(into, 'SP114', `/${field}`, error.detail, {
        hint: error.hint,
        span: error.data?.['place'] as ExpressionPlace | undefined,
      });
    }
  }
  return { ...spec, ...texts };
}

/** SP117 at the member that no plan has, once an expression. */
function checkReads({ reads }: Expression, start: number, pointer: string, into: Canonicalizing): void {
  for (const { path, place } of reads) {
    const unknown = unknownPlanField(path);
    if (unknown === undefined) continue;
    const span = { start: start + place.start, end: start + place.end };
    report(into, 'SP117', pointer, unknown.detail, { hint: unknown.hint, span });
    return;
  }
}
