/**
 * JSON to an address of the user's, signed as https://www.standardwebhooks.com says: `webhook-id` is the same in every
 * attempt, `webhook-signature` is the HMAC-SHA256 of `id.timestamp.body`.
 */
import { createHmac } from 'node:crypto';
import { resolveEnv } from '../../lib/secret.ts';
import type { WebhookSpec } from '../../spec/schema-types.ts';
import type { Deliver, Delivery } from '../delivery.ts';
import { postJson } from './post-json.ts';

export function webhook(
  spec: WebhookSpec,
  variables: Readonly<Record<string, string | undefined>>,
  nowSeconds: () => number,
): Deliver {
  const url = resolveEnv(spec.url, variables);
  const headers = Object.fromEntries(
    Object.entries(spec.headers ?? {}).map(([name, value]) => [name.toLowerCase(), resolveEnv(value, variables)]),
  );
  const key = spec.secret === undefined ? undefined : keyOf(resolveEnv(spec.secret, variables));
  return async (delivery, signal) => {
    const body = JSON.stringify(payloadOf(delivery));
    const timestamp = String(nowSeconds());
    await postJson(
      url,
      body,
      {
        ...headers,
        'webhook-id': delivery.id,
        'webhook-timestamp': timestamp,
        'idempotency-key': delivery.id,
        ...(key !== undefined && {
          'webhook-signature': `v1,${createHmac('sha256', key).update(`${delivery.id}.${timestamp}.${body}`).digest('base64')}`,
        }),
      },
      signal,
    );
  };
}

function payloadOf(delivery: Delivery): object {
  const { message } = delivery;
  return {
    format: 'mlops.notification/1',
    id: delivery.id,
    event: delivery.kind,
    at: delivery.at.toISOString(),
    project: delivery.project,
    environment: delivery.environment,
    subject: delivery.subject,
    run_id: delivery.runId,
    severity: message.severity,
    title: message.title,
    text: message.text,
    fields: message.fields,
    data: message.data,
  };
}

function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
}
