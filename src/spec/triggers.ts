/** What starts runs of a pipeline beside its schedule: checked, and told. */
import { durationMs } from '../lib/units.ts';
import { type Address, addressOf } from './address.ts';
import type { CanonicalPipeline } from './canonical-specs.ts';
import { checkSchedule, reportExpression } from './feature-set.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, refer, report } from './lookup.ts';
import type { Trigger } from './schema-types.ts';

export const TRIGGER_KINDS = [
  'cron',
  'materialized',
  'promoted',
  'pipeline',
  'file',
  'table',
  'query',
  'webhook',
] as const;
export type TriggerKind = (typeof TRIGGER_KINDS)[number];

/** Fields beside `params`, by what the trigger is. */
const FIELDS: Readonly<Record<TriggerKind, readonly (keyof Trigger)[]>> = {
  cron: ['timezone', 'catchup', 'overlap'],
  materialized: ['coalesce'],
  promoted: ['to', 'coalesce'],
  pipeline: ['on', 'coalesce'],
  file: ['every', 'coalesce'],
  table: ['database', 'column', 'every', 'coalesce'],
  query: ['database', 'every', 'coalesce'],
  webhook: ['token', 'secret', 'coalesce'],
};

/** The shape has exactly one. */
export function triggerKind(trigger: Trigger): TriggerKind {
  return TRIGGER_KINDS.find((kind) => trigger[kind] !== undefined) ?? 'cron';
}

/** For people: `materialized patient_labs`, `pipeline ingest failed`, `cron 0 2 * * * UTC`. */
export function triggerText(trigger: Trigger): string {
  const kind = triggerKind(trigger);
  const more =
    kind === 'cron'
      ? (trigger.timezone ?? 'UTC')
      : kind === 'promoted'
        ? `to ${trigger.to ?? 'production'}`
        : kind === 'pipeline'
          ? (trigger.on ?? 'succeeded')
          : undefined;
  return [kind, trigger[kind], ...(more === undefined ? [] : [more])].join(' ');
}

export function checkTriggers(triggers: readonly Trigger[], into: Canonicalizing): void {
  const hooks = new Set<string>();
  for (const [index, trigger] of triggers.entries()) {
    const pointer = pointerTo('/triggers', index);
    const kind = triggerKind(trigger);
    for (const field of Object.keys(trigger) as (keyof Trigger)[]) {
      if (field === kind || field === 'params' || FIELDS[kind].includes(field)) continue;
      report(into, 'SP103', pointerTo(pointer, field), `"${field}" is no field of a trigger by ${kind}.`, {
        part: 'key',
        hint: `known: ${[...FIELDS[kind], 'params'].join(', ')}`,
      });
    }
    for (const [name, text] of Object.entries(trigger.params ?? {}))
      reportExpression(text, ['event'], pointerTo(`${pointer}/params`, name), into);
    if (trigger.cron !== undefined) checkSchedule(trigger.cron, trigger.timezone, pointer, into);
    if (trigger.materialized !== undefined) refer(into, 'feature_set', trigger.materialized, `${pointer}/materialized`);
    // Weak: what comes first when they are made does not matter, and a cycle has a finding of its own.
    if (trigger.promoted !== undefined) refer(into, 'model', trigger.promoted, `${pointer}/promoted`, true);
    if (trigger.pipeline !== undefined) refer(into, 'pipeline', trigger.pipeline, `${pointer}/pipeline`, true);
    if ((trigger.table ?? trigger.query) !== undefined && trigger.database === undefined)
      report(into, 'SP102', pointer, `A trigger by ${kind} needs the "database" that it looks at.`, {
        hint: "database: env('EHR_URL')",
      });
    if (trigger.every !== undefined && durationMs(trigger.every) < 1000)
      report(into, 'SP103', `${pointer}/every`, 'A trigger looks once a second at most.');
    if (trigger.webhook === undefined) continue;
    if (trigger.token === undefined && trigger.secret === undefined)
      report(into, 'SP102', pointer, 'A webhook needs a "token" or a "secret": whoever reaches it could start runs.', {
        hint: "token: env('HOOK_TOKEN')",
      });
    if (hooks.has(trigger.webhook))
      report(into, 'SP105', `${pointer}/webhook`, `The pipeline has another webhook "${trigger.webhook}".`);
    hooks.add(trigger.webhook);
  }
}

/** `from`: what starts it. */
export interface TriggerEdge {
  readonly from: Address;
  readonly to: Address;
}

/** The ways from resources to the pipelines that they start. */
export function triggerEdges({ name, triggers = [] }: CanonicalPipeline): readonly TriggerEdge[] {
  const to = addressOf('pipeline', name);
  return triggers.flatMap(({ materialized, promoted, pipeline }): TriggerEdge[] => {
    if (materialized !== undefined) return [{ from: addressOf('feature_set', materialized), to }];
    if (promoted !== undefined) return [{ from: addressOf('model', promoted), to }];
    return pipeline === undefined ? [] : [{ from: addressOf('pipeline', pipeline), to }];
  });
}
