/** Figures of variants, from the blocks of the log in Postgres: read page by page, the newest first, so that memory holds one page. */
import type { JsonValue } from '../../lib/json.ts';
import type { FiguresRequest, VariantFigures, VariantFiguresStore } from '../control/variant-figures.ts';
import type { Database } from './database.ts';
import type { BlockRow } from './predictions/block-bytes.ts';
import { answeredAt, blockPages } from './predictions/block-store.ts';
import { createVariantFold, type VariantFold } from './predictions/fold-figures.ts';
import { sqlFile } from './sql-file.ts';

type Outcomes = ReadonlyMap<string, JsonValue>;

interface Folded extends Pick<VariantFigures, 'variant' | 'role' | 'model' | 'version'> {
  readonly fold: VariantFold;
}

export function postgresVariantFigures(db: Database, scopeId: number): VariantFiguresStore {
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

  return {
    figures: async ({ endpoint, since, until }: FiguresRequest, signal) => {
      const [from, to] = [since.getTime() * 1_000, until.getTime() * 1_000];
      const variants = new Map<string, Folded>();
      const joins = await hasFeedback(endpoint);
      for await (const page of blockPages(db, scopeId, { endpoint, since: from, until: to, reads: false })) {
        signal?.throwIfAborted();
        const outcomes = joins ? await outcomesOf(page.ids) : undefined;
        for (const block of page()) {
          for (const row of block.rows) {
            const at = answeredAt(block, row);
            if (at >= from && at < to)
              foldOf(variants, row)?.add(row, outcomes?.get(`${row.ordinal} ${row.requestId}`));
          }
          // Others have their turn between two blocks.
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      return [...variants.values()]
        .sort(byVariant)
        .map(({ fold, ...named }) => ({ ...named, ...fold.get(), drift: null }));
    },
  };
}

/** Undefined of what is no variant's: a member's, or one that failed before a variant was found. */
function foldOf(variants: Map<string, Folded>, { variant, role, model, version }: BlockRow): VariantFold | undefined {
  if (variant === null || role === 'member') return undefined;
  const key = JSON.stringify([variant, role, model, version]);
  const known = variants.get(key);
  if (known !== undefined) return known.fold;
  const fold = createVariantFold();
  variants.set(key, { variant, role, model, version, fold });
  return fold;
}

function byVariant(a: Folded, b: Folded): number {
  return a.variant.localeCompare(b.variant) || a.role.localeCompare(b.role) || (a.version ?? 0) - (b.version ?? 0);
}
