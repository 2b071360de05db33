/** A file of outcomes, told in batches: each is recorded whole or not at all, and told again it changes nothing. Memory holds one batch. */
import type { Readable } from 'node:stream';
import type { TableFormat } from '../features/file-format.ts';
import { withRows } from '../features/push-file.ts';
import { MlopsError } from '../lib/error.ts';
import type { Feedback, FeedbackReport, ToldOutcome } from '../serving/feedback.ts';
import type { FeedbackSpec } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { OfflineStore } from '../stores/offline.ts';

export interface TellFileRequest {
  readonly endpoint: string;
  readonly from: { readonly file: string } | { readonly stream: Readable };
  readonly format: TableFormat;
  readonly who: string;
  readonly unknown: 'refuse' | 'skip';
}

interface Parts {
  readonly catalog: Pick<Catalog, 'get'>;
  readonly offline: Pick<OfflineStore, 'convert'>;
  readonly feedback: Feedback;
}

const BATCH_ROWS = 5_000;

export async function tellFile(parts: Parts, request: TellFileRequest, signal: AbortSignal): Promise<FeedbackReport> {
  const { endpoint, format, who, unknown } = request;
  const spec = parts.catalog.get('endpoint', endpoint)?.spec.feedback;
  let done: FeedbackReport = { added: 0, corrected: 0, unchanged: 0, unknown: 0 };
  let batch: (ToldOutcome & { readonly line: number })[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    if (signal.aborted) throw new MlopsError('AP106', { detail: 'Interrupted.' });
    const told = batch;
    batch = [];
    const {
      added,
      corrected,
      unchanged,
      unknown: left,
    } = await parts.feedback.tell(endpoint, told, { who, unknown }).catch((error: unknown) => {
      throw placed(error, told[0]!.line, format === 'parquet' ? 'row' : 'line');
    });
    done = {
      added: done.added + added,
      corrected: done.corrected + corrected,
      unchanged: done.unchanged + unchanged,
      unknown: done.unknown + left,
    };
  };
  await withRows(parts, request, signal, async (rows) => {
    for await (const { line, row } of rows) {
      batch.push({ ...toldOf(row, spec, format === 'csv', line), line });
      if (batch.length >= BATCH_ROWS) await flush();
    }
    await flush();
  });
  return done;
}

function toldOf(
  row: Readonly<Record<string, unknown>>,
  spec: FeedbackSpec | undefined,
  isText: boolean,
  line: number,
): ToldOutcome {
  const outcome = row['outcome'] ?? (spec === undefined ? undefined : row[spec.outcome]);
  const requestId = row['request_id'];
  const position = row['row'] === null || row['row'] === undefined ? 0 : Number(row['row']);
  if (requestId === undefined || requestId === null || !Number.isSafeInteger(position) || position < 0)
    throw new MlopsError('EP223', {
      detail: `Line ${line} names no prediction: it needs \`request_id\`, and \`row\` where it is not the first of its request.`,
      hint: `columns: request_id, row (optional), ${spec?.outcome ?? 'outcome'}, at (optional)`,
    });
  const at = row['at'];
  return {
    requestId: String(requestId),
    row: position,
    outcome: isText ? typed(outcome, spec) : outcome,
    at: at === null || at === undefined ? undefined : String(at),
  };
}

/** A text of a CSV file as what the endpoint takes. */
function typed(text: unknown, spec: FeedbackSpec | undefined): unknown {
  if (typeof text !== 'string' || spec === undefined || spec.type === 'class') return text;
  if (spec.type === 'binary' && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  const number = Number(text);
  return text.trim() === '' || Number.isNaN(number) ? text : number;
}

function placed(error: unknown, first: number, place: string): unknown {
  if (!(error instanceof MlopsError)) return error;
  return new MlopsError(error.code, {
    address: error.address,
    detail: `${error.detail} Row 0 is ${place} ${first} of the file; all before it is recorded.`,
    hint: error.hint,
    retryable: error.retryable,
    status: error.status,
    data: error.data,
    cause: error,
  });
}
