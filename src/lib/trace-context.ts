/**
 * W3C Trace Context: a run is a trace, or a part of the caller's; its attempts are spans. Ids follow from those of the run, so
 * that a process is told its span before anybody exports it, and every try to export it gives the same.
 */
import { sha256 } from './canonical.ts';

export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the caller's span. */
  readonly spanId: string;
}

/** Undefined for what is none; an invalid one is ignored, as the specification says. */
export function parseTraceParent(header: string | undefined): TraceParent | undefined {
  const [, version, traceId, spanId] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?$/.exec(header?.trim() ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || version === 'ff') return undefined;
  return /^0+$/.test(traceId) || /^0+$/.test(spanId) ? undefined : { traceId, spanId };
}

/** The caller's, else the run's own id. */
export function traceIdOf(runId: string, traceparent: string | undefined): string {
  return parseTraceParent(traceparent)?.traceId ?? runId.replaceAll('-', '');
}

export const attemptSpanId = (runId: string, task: string, attempt: number): string =>
  sha256(`${runId}/${task}/${attempt}`).slice(0, 16);

/** What a process of the attempt gets as TRACEPARENT: its own spans are below the attempt's. */
export function attemptTraceParent(
  { runId, task, attempt }: { readonly runId: string; readonly task: string; readonly attempt: number },
  traceparent: string | undefined,
): string {
  return `00-${traceIdOf(runId, traceparent)}-${attemptSpanId(runId, task, attempt)}-01`;
}
