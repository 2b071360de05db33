/** Mail by SMTP. The message id is the same in every attempt, so that a mailbox that has it already can tell. */
import { createTransport } from 'nodemailer';
import { resolveEnv } from '../../lib/secret.ts';
import type { EmailSpec } from '../../spec/schema-types.ts';
import { type Deliver, type Delivery, DeliveryFailure } from '../delivery.ts';

const TIMEOUT_MS = 20_000;

export function email(spec: EmailSpec, variables: Readonly<Record<string, string | undefined>>): Deliver {
  const url = resolveEnv(spec.smtp, variables);
  if (!/^smtps?:\/\//i.test(url)) {
    return () => Promise.reject(new DeliveryFailure('its server is not an smtp or smtps URL', { retryable: false }));
  }
  return async (delivery, signal) => {
    const transport = createTransport({
      url,
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      // A message is a text: nothing that it names is fetched or read from a disk.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const end = (): void => transport.close();
    signal.addEventListener('abort', end, { once: true });
    try {
      await transport.sendMail({
        from: spec.from,
        to: spec.to,
        subject: delivery.message.title.replace(/\s+/g, ' '),
        text: mailText(delivery),
        messageId: `<${delivery.id}@mlops.invalid>`,
        date: delivery.at,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Mlops-Event': delivery.kind },
      });
    } catch (error) {
      throw failureOf(error);
    } finally {
      signal.removeEventListener('abort', end);
      transport.close();
    }
  };
}

function mailText({ message, project, environment, id }: Delivery): string {
  const width = Math.max(0, ...message.fields.map(({ name }) => name.length));
  return [
    message.title,
    '',
    ...(message.text === '' ? [] : [message.text, '']),
    ...message.fields.map(({ name, value }) => `${name.padEnd(width)}  ${value}`),
    ...(message.fields.length === 0 ? [] : ['']),
    `-- `,
    `${project}/${environment}, notification ${id}`,
    '',
  ].join('\n');
}

/** 5yz: the server refuses this message for good. A login that is refused is told without what was sent. */
function failureOf(error: unknown): DeliveryFailure {
  const { code, responseCode, response, message } = error as {
    code?: string;
    responseCode?: number;
    response?: string;
    message?: string;
  };
  const what = response ?? message ?? String(error);
  return new DeliveryFailure(code === undefined ? what : `${code}: ${what}`, {
    retryable: responseCode === undefined || responseCode < 500,
  });
}
