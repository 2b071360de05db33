/** A request from outside starts a run: who sends it is told by a token or by a signature over the body. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import { resolveEnv } from '../lib/secret.ts';
import type { CanonicalPipeline } from '../spec/canonical-specs.ts';
import type { Trigger } from '../spec/schema-types.ts';
import type { NewRun, RunCause } from '../stores/control/runs.ts';
import type { HandledEvent, TriggerStore } from '../stores/control/triggers.ts';
import { runRules } from './rules.ts';
import { paramsOf } from './triggers.ts';

export interface WebhookRequest {
  readonly pipeline: string;
  readonly webhook: string;
  /** As it came: the signature is over these bytes. */
  readonly body: Buffer;
  readonly header: (name: string) => string | undefined;
}

export interface WebhooksOptions {
  readonly store: Pick<TriggerStore, 'deliver'>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly pipeline: (name: string) => Promise<CanonicalPipeline | undefined>;
  readonly newRun: (spec: CanonicalPipeline, cause: RunCause, params: JsonObject) => Promise<NewRun>;
}

export type WebhookAnswer = Pick<HandledEvent, 'runId' | 'outcome' | 'why'> & { readonly created: boolean };

/** What senders call the id under which they send something again. */
const DELIVERY_HEADERS = ['idempotency-key', 'x-github-delivery', 'webhook-id'] as const;

/** PL243 for an unknown webhook, PL244 where the sender is not told, API400 for a body that is no JSON, PL205 for a parameter. */
export function createWebhooks({ store, variables, pipeline, newRun }: WebhooksOptions) {
  return async (request: WebhookRequest): Promise<WebhookAnswer> => {
    const spec = await pipeline(request.pipeline);
    const trigger = spec?.triggers?.find(({ webhook }) => webhook === request.webhook);
    if (spec === undefined || trigger === undefined) {
      throw new MlopsError('PL243', {
        detail: `There is no webhook "${request.webhook}" of a pipeline "${request.pipeline}".`,
        status: 404,
      });
    }
    authenticate(trigger, request, variables);
    const body = bodyOf(request);
    const delivery = DELIVERY_HEADERS.map(request.header).find((value) => value !== undefined && value !== '');
    const about = {
      webhook: request.webhook,
      delivery: delivery ?? null,
      event: request.header('x-github-event') ?? null,
      body_sha256: createHash('sha256').update(request.body).digest('hex'),
    };
    const cause: RunCause = {
      kind: 'webhook',
      who: null,
      schedule: null,
      instant: null,
      event: { id: null, subject: request.webhook, at: null, detail: about, events: 1 },
    };
    const run = await newRun(spec, cause, paramsOf(trigger, { ...about, body }));
    const event = {
      pipeline: spec.name,
      spec: trigger,
      kind: 'webhook',
      subject: request.webhook,
      detail: about,
    } as const;
    return store.deliver({ ...event, idempotencyKey: delivery ?? null }, run, runRules);
  };
}

function authenticate(
  { token, secret }: Trigger,
  { header, body }: WebhookRequest,
  variables: WebhooksOptions['variables'],
): void {
  const offered = /^Bearer +(\S+) *$/i.exec(header('authorization') ?? '')?.[1] ?? header('x-mlops-token');
  const signature = /^sha256=([0-9a-f]{64})$/i.exec(header('x-hub-signature-256') ?? '')?.[1];
  const tokenFits = token === undefined || (offered !== undefined && same(offered, resolveEnv(token, variables)));
  const signed =
    secret === undefined ||
    (signature !== undefined &&
      same(signature.toLowerCase(), createHmac('sha256', resolveEnv(secret, variables)).update(body).digest('hex')));
  // A trigger that declares neither is refused when it is checked; nothing gets in here all the same.
  if (tokenFits && signed && (token ?? secret) !== undefined) return;
  throw new MlopsError('PL244', {
    detail: 'The request carries neither the token nor the signature that this webhook asks for.',
    hint: 'Authorization: Bearer TOKEN, or X-Hub-Signature-256: sha256=HMAC of the body',
    status: 401,
  });
}

/** In constant time for texts of any length. */
function same(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function bodyOf({ body }: WebhookRequest): JsonValue {
  const text = body.toString('utf8');
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new MlopsError('API400', { detail: 'The body of the webhook is not JSON.', status: 400 });
  }
}
