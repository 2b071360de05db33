/** A channel of an environment, ready to deliver. Its secrets are looked up when it is opened: for one delivery. */
import { redactor } from '../lib/redact.ts';
import { secretsIn } from '../lib/secret.ts';
import type { ChannelSpec } from '../spec/schema-types.ts';
import { slack } from './channels/slack.ts';
import { webhook } from './channels/webhook.ts';
import { type Deliver, DeliveryFailure } from './delivery.ts';

/** What is shorter stands in too many words to be taken out of them. */
const MIN_PART = 6;

export type ChannelType = keyof ChannelSpec;

export function channelType(spec: ChannelSpec): ChannelType {
  return spec.webhook !== undefined ? 'webhook' : spec.slack !== undefined ? 'slack' : 'email';
}

/** SP110 where a variable is not set. Whatever goes wrong is told without the channel's secrets. */
export async function openChannel(
  spec: ChannelSpec,
  variables: Readonly<Record<string, string | undefined>>,
  nowSeconds: () => number,
): Promise<Deliver> {
  const deliver = await delivererOf(spec, variables, nowSeconds);
  const redact = redactor(secretsIn(spec, variables).flatMap(withParts));
  return async (delivery, signal) => {
    try {
      await deliver(delivery, signal);
    } catch (error) {
      const failure = error instanceof DeliveryFailure ? error : undefined;
      throw new DeliveryFailure(redact(error instanceof Error ? error.message : String(error)), {
        retryable: failure?.retryable ?? true,
        retryAfterMs: failure?.retryAfterMs,
      });
    }
  };
}

async function delivererOf(
  spec: ChannelSpec,
  variables: Readonly<Record<string, string | undefined>>,
  nowSeconds: () => number,
): Promise<Deliver> {
  if (spec.webhook !== undefined) return webhook(spec.webhook, variables, nowSeconds);
  if (spec.slack !== undefined) return slack(spec.slack, variables);
  if (spec.email === undefined) throw new DeliveryFailure('it is of no kind', { retryable: false });
  const { email } = await import('./channels/email.ts');
  return email(spec.email, variables);
}

/** An answer may hold a part of an address or of a header alone: the path of a webhook is what a password is elsewhere. */
function withParts(secret: string): readonly string[] {
  const words = secret.split(/\s+/).filter((word) => word.length >= MIN_PART);
  if (!URL.canParse(secret)) return [secret, ...words];
  const { pathname, search, password } = new URL(secret);
  const segments = pathname.split('/').filter((segment) => segment.length >= MIN_PART);
  const parts = [pathname, search, password, decodeURIComponent(password), ...segments];
  return [secret, ...words, ...parts.filter((part) => part.length >= MIN_PART)];
}
