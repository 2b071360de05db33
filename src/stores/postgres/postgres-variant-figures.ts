/** Figures of variants, from the blocks of the log in Postgres: read page by page, the newest first, so that memory holds one page. */
import type { JsonValue } from '../../lib/json.ts';
import type { FiguresRequest, VariantFigures, VariantFiguresStore } from '../control/variant-figures.ts';
import { createDriftFold, type DriftFold } from '../drift.ts';
import type { ReferenceProfile } from '../reference-profile.ts';
import type { Database } from './database.ts';
import type { BlockRow } from './predictions/block-bytes.ts';
import { answeredAt, blockPages } from './predictions/block-store.ts';
import { createVariantFold, type VariantFold } from './predictions/fold-figures.ts';
import { sqlFile } from './sql-file.ts';

/** Of a version; undefined where it has none. */
export type ProfileOf = (model: string, version: number) => Promise<ReferenceProfile | undefined>;

type Outcomes = ReadonlyMap<string, JsonValue>;
type Named = Pick<VariantFigures, 'variant' | 'role' | 'model' | 'version'>;

interface Folded extends Named {
  readonly fold: VariantFold;
  readonly drift: DriftFold | undefined;
}

export function postgresVariantFigures(db: Database, scopeId: number, profileOf: ProfileOf): VariantFiguresStore {
  const hasFeedback = async (endpoint: string): Promise<boolean> => {
    const [row] = await db.query<{ has: boolean }>(
      `select exists (select from mlops.feedback where scope_id = $1 and endpoint = any(mlops.names_of($1, 'endpoint', $2))) as has`,
      [scopeId, endpoint],
    );
    return row?.has ?? false;
  };
  const outcomesOf = async (blocks: readonly string[]): Promise<Outcomes> => {
    const rows = await db.query<{ requestId: string; ordinal: number; outcome: JsonValue }>(
      sqlFile('feedback-of-blocks'),
      [scopeId, blocks],
    );
    return new Map(rows.map(({ requestId, ordinal, outcome }) => [`${ordinal} ${requestId}`, outcome]));
  };
  const open = async (named: Named): Promise<Folded> => {
    const { model, version } = named;
    const profile = model === null || version === null ? undefined : await profileOf(model, version);
    return {
      ...named,
      fold: createVariantFold(),
      drift: profile === undefined ? undefined : createDriftFold(profile),
    };
  };

  return {
    figures: async ({ endpoint, since, until, drawn = false }: FiguresRequest, signal) => {
      const [from, to] = [since.getTime() * 1_000, until.getTime() * 1_000];
      const variants = new Map<string, Folded>();
      const joins = await hasFeedback(endpoint);
      for await (const page of blockPages(db, scopeId, { endpoint, since: from, until: to, reads: false })) {
        signal?.throwIfAborted();
        const outcomes = joins ? await outcomesOf(page.ids) : undefined;
        for (const block of page()) {
          let last: Folded | undefined;
          for (const row of block.rows) {
            const at = answeredAt(block, row);
            const named = at >= from && at < to && (!drawn || isDrawn(row)) ? namedOf(row) : undefined;
            if (named === undefined) continue;
            if (last === undefined || !isOf(last, named)) {
              const key = JSON.stringify([named.variant, named.role, named.model, named.version]);
              last = variants.get(key) ?? (await open(named));
              variants.set(key, last);
            }
            last.fold.add(row, outcomes?.get(`${row.ordinal} ${row.requestId}`));
            if (row.failure === undefined) last.drift?.add(row.features, row.prediction);
          }
          // Others have their turn between two blocks.
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      return [...variants.values()].sort(byVariant).map(({ fold, drift, variant, role, model, version }) => ({
        ...{ variant, role, model, version },
        ...fold.get(),
        drift: drift?.get() ?? null,
      }));
    },
  };
}

/** Rows of before were all routed by the split, and did not say so. */
function isDrawn({ role, routed = 'split' }: BlockRow): boolean {
  return role !== 'answer' || routed === 'split' || routed === 'rollout';
}

/** Undefined of what is no variant's: a member's, or one that failed before a variant was found. */
function namedOf({ variant, role, model, version }: BlockRow): Named | undefined {
  return variant === null || role === 'member' ? undefined : { variant, role, model, version };
}

function isOf(folded: Folded, { variant, role, model, version }: Named): boolean {
  return folded.variant === variant && folded.role === role && folded.model === model && folded.version === version;
}

function byVariant(a: Folded, b: Folded): number {
  const order = (one: Folded): string => `${one.variant} ${one.role} ${one.model ?? ''}`;
  return order(a) === order(b) ? (a.version ?? 0) - (b.version ?? 0) : order(a) < order(b) ? -1 : 1;
}
