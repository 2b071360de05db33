/** A run as a trace in OTLP's JSON form: a span for the run, and within it one for each attempt at a task. Pure. */
import { sha256 } from '../lib/canonical.ts';
import { attemptSpanId, parseTraceParent, traceIdOf } from '../lib/trace-context.ts';
import type { AttemptTrace, RunTrace } from '../stores/control/run-traces.ts';
import type { SinkRequest } from './telemetry.ts';

export interface TraceResource {
  readonly serviceName: string;
  readonly version: string;
  readonly project: string;
  readonly environment: string;
  /** Further ones, of the user's. */
  readonly attributes?: Readonly<Record<string, string>>;
}

type Value = string | number | boolean | null | undefined;

const SPAN_KIND_INTERNAL = 1;
const STATUS_OK = 1;
const STATUS_ERROR = 2;
const SPANS_A_REQUEST = 500;

/** Requests, each of some hundred spans. */
export function traceRequests(run: RunTrace, resource: TraceResource): readonly SinkRequest[] {
  const spans = [runSpan(run), ...run.attempts.map((attempt) => attemptSpan(run, attempt))];
  const requests: SinkRequest[] = [];
  for (let at = 0; at < spans.length; at += SPANS_A_REQUEST) {
    const part = spans.slice(at, at + SPANS_A_REQUEST);
    const body = {
      resourceSpans: [
        {
          resource: {
            attributes: attributes({
              ...resource.attributes,
              'service.name': resource.serviceName,
              'service.version': resource.version,
              'deployment.environment.name': resource.environment,
              'mlops.project': resource.project,
            }),
          },
          scopeSpans: [{ scope: { name: 'mlops', version: resource.version }, spans: part }],
        },
      ],
    };
    requests.push({ body, items: part.length });
  }
  return requests;
}

const runSpanId = (run: RunTrace): string => sha256(`${run.runId}/${run.begunAt.toISOString()}`).slice(0, 16);

function runSpan(run: RunTrace): object {
  const parent = parseTraceParent(run.cause.traceparent);
  return {
    traceId: traceIdOf(run.runId, run.cause.traceparent),
    spanId: runSpanId(run),
    ...(parent !== undefined && { parentSpanId: parent.spanId }),
    name: `run ${run.pipeline}`,
    kind: SPAN_KIND_INTERNAL,
    startTimeUnixNano: nanos(run.begunAt),
    endTimeUnixNano: nanos(run.finishedAt ?? run.begunAt),
    attributes: attributes({
      'mlops.run.id': run.runId,
      'mlops.pipeline': run.pipeline,
      'mlops.run.status': run.status,
      'mlops.cause': run.cause.kind,
      'mlops.instant': run.cause.instant,
      'vcs.ref.head.revision': run.gitCommit,
    }),
    status: run.status === 'failed' ? { code: STATUS_ERROR, message: 'the run failed' } : { code: STATUS_OK },
  };
}

function attemptSpan(run: RunTrace, attempt: AttemptTrace): object {
  return {
    traceId: traceIdOf(run.runId, run.cause.traceparent),
    spanId: attemptSpanId(run.runId, attempt.task, attempt.attempt),
    parentSpanId: runSpanId(run),
    name: attempt.task,
    kind: SPAN_KIND_INTERNAL,
    startTimeUnixNano: nanos(attempt.startedAt),
    endTimeUnixNano: nanos(attempt.endedAt),
    attributes: attributes({
      'mlops.task': attempt.task,
      'mlops.operator': attempt.operator,
      'mlops.attempt': attempt.attempt,
      'mlops.attempt.status': attempt.status,
      'process.exit.code': attempt.exitCode,
      'host.id': attempt.node,
    }),
    status:
      attempt.status === 'succeeded'
        ? { code: STATUS_OK }
        : { code: STATUS_ERROR, message: (attempt.error ?? attempt.status).slice(0, 1000) },
  };
}

const nanos = (at: Date): string => `${BigInt(at.getTime()) * 1_000_000n}`;

function attributes(values: Readonly<Record<string, Value>>): readonly object[] {
  return Object.entries(values).flatMap(([key, value]): readonly object[] => {
    if (value === null || value === undefined) return [];
    if (typeof value === 'number') return [{ key, value: { intValue: String(value) } }];
    return [{ key, value: typeof value === 'boolean' ? { boolValue: value } : { stringValue: value } }];
  });
}
