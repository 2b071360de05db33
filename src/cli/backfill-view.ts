/** Backfills for people. */
import type { BackfillPreview, BackfillRecord } from '../compose/views.ts';
import { instant, table } from './output.ts';

export function previewText(preview: BackfillPreview): string {
  const toRun = preview.instants.filter(({ run }) => run).length;
  return [
    table(
      ['INSTANT (UTC)', 'RUN', 'WHY'],
      preview.instants.map((one) => [instant(one.instant), one.run ? 'yes' : 'no', one.why ?? 'it has no run']),
    ),
    '',
    `${toRun} of ${preview.instants.length} instants of ${preview.pipeline} would be run, ${preview.concurrency} at once. Nothing was started.`,
  ].join('\n');
}

export function backfillText(backfill: BackfillRecord): string {
  return [
    `backfill   ${backfill.backfillId}`,
    `pipeline   ${backfill.pipeline}`,
    `status     ${backfill.status}`,
    `range      ${instant(backfill.from)} to ${instant(backfill.to)}`,
    `reprocess  ${backfill.reprocess}, ${backfill.concurrency} at once, ${backfill.backwards ? 'newest' : 'oldest'} first`,
    `by         ${backfill.createdBy}`,
    '',
    table(
      ['INSTANT (UTC)', 'STATUS', 'RUN', 'WHY'],
      backfill.instants.map((one) => [instant(one.instant), one.status, one.runId ?? '-', one.why ?? '']),
    ),
  ].join('\n');
}

/** `3 of 31 done, 1 failed`. */
export function backfillLine({ counts, instants }: BackfillRecord): string {
  const { succeeded, failed, skipped, cancelled } = counts;
  const parts = [
    `${succeeded + failed + skipped + cancelled} of ${instants.length} done`,
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
    ...(cancelled === 0 ? [] : [`${cancelled} cancelled`]),
  ];
  return parts.join(', ');
}
