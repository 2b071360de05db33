import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openChannel } from '../../src/notify/channel.ts';
import { slackMessage } from '../../src/notify/channels/slack.ts';
import { type Delivery, DeliveryFailure } from '../../src/notify/delivery.ts';
import type { ChannelSpec } from '../../src/spec/schema-types.ts';
import { type HttpReceiver, httpReceiver, type MailReceiver, mailReceiver } from '../support/receivers.ts';

const NOW = 1_790_000_000;
const delivery: Delivery = {
  id: '0b9d3f5e-52f7-4c57-9d3c-2f0d6a3c1111',
  kind: 'failed',
  at: new Date('2026-01-31T02:03:04.000Z'),
  project: 'healthcare',
  environment: 'prod',
  subject: 'pipeline.nightly',
  runId: '11111111-2222-4333-8444-555555555555',
  message: {
    title: 'nightly failed',
    text: 'train: exit code 1 <b> & "more"',
    severity: 'error',
    fields: [{ name: 'Run', value: '11111111-2222-4333-8444-555555555555' }],
    data: { pipeline: 'nightly' },
  },
};

const deliver = async (spec: ChannelSpec, variables: Record<string, string> = {}, what: Delivery = delivery) =>
  (await openChannel(spec, variables, () => NOW))(what, AbortSignal.timeout(5_000));

async function failure(attempt: Promise<void>): Promise<DeliveryFailure> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DeliveryFailure)) throw new Error(`it did not fail as a delivery does: ${String(error)}`);
  return error;
}

describe('a webhook', () => {
  let receiver: HttpReceiver;
  beforeEach(async () => {
    receiver = await httpReceiver();
  });
  afterEach(() => receiver.close());

  it('posts JSON with the headers of the channel, and a signature that the receiver can check', async () => {
    const spec: ChannelSpec = {
      webhook: {
        url: { $env: 'HOOK' },
        headers: { 'X-Team': 'ml', Authorization: { $env: 'TOKEN' } },
        secret: { $env: 'KEY' },
      },
    };
    const key = Buffer.from('a key of 24 bytes exactly');
    await deliver(spec, {
      HOOK: `${receiver.url}/in?team=1`,
      TOKEN: 'Bearer t0ken',
      KEY: `whsec_${key.toString('base64')}`,
    });
    const [got] = receiver.received;
    expect(got?.path).toBe('/in?team=1');
    expect(got?.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-team': 'ml',
      authorization: 'Bearer t0ken',
      'webhook-id': delivery.id,
      'webhook-timestamp': String(NOW),
      'idempotency-key': delivery.id,
    });
    const expected = createHmac('sha256', key).update(`${delivery.id}.${NOW}.${got?.body}`).digest('base64');
    expect(got?.headers['webhook-signature']).toBe(`v1,${expected}`);
    expect(JSON.parse(got?.body ?? '')).toEqual({
      format: 'mlops.notification/1',
      id: delivery.id,
      event: 'failed',
      at: '2026-01-31T02:03:04.000Z',
      project: 'healthcare',
      environment: 'prod',
      subject: 'pipeline.nightly',
      run_id: delivery.runId,
      severity: 'error',
      title: 'nightly failed',
      text: 'train: exit code 1 <b> & "more"',
      fields: [{ name: 'Run', value: delivery.runId }],
      data: { pipeline: 'nightly' },
    });
  });

  it('takes a plain secret as it is, and without one does not sign', async () => {
    await deliver({ webhook: { url: receiver.url, secret: 'plain' } });
    await deliver({ webhook: { url: receiver.url } });
    const [signed, bare] = receiver.received;
    const expected = createHmac('sha256', 'plain').update(`${delivery.id}.${NOW}.${signed?.body}`).digest('base64');
    expect(signed?.headers['webhook-signature']).toBe(`v1,${expected}`);
    expect(bare?.headers['webhook-signature']).toBeUndefined();
  });

  it('tells what may be tried again from what may not', async () => {
    const spec: ChannelSpec = { webhook: { url: receiver.url } };
    for (const [answer, retryable] of [
      [500, true],
      [503, true],
      [429, true],
      [408, true],
      [400, false],
      [401, false],
      [404, false],
      [410, false],
      [302, false],
    ] as const) {
      receiver.answer({ status: answer, headers: { location: `${receiver.url}/elsewhere` }, body: 'no\n thanks' });
      const failed = await failure(deliver(spec));
      expect([answer, failed.retryable, failed.message]).toEqual([
        answer,
        retryable,
        `it answered ${answer}: no thanks`,
      ]);
    }
    expect(receiver.received.map(({ path }) => path)).not.toContain('/elsewhere');
    receiver.answer('break');
    expect((await failure(deliver(spec))).retryable).toBe(true);
    receiver.answer({ status: 429, headers: { 'retry-after': '7' } });
    expect((await failure(deliver(spec))).retryAfterMs).toBe(7000);
  });

  it('waits as long as the receiver asks, in seconds or until a date of its own clock', async () => {
    for (const [headers, retryAfterMs] of [
      [{ 'retry-after': '7' }, 7_000],
      [{ 'retry-after': 'Sat, 31 Jan 2026 06:00:30 GMT', date: 'Sat, 31 Jan 2026 06:00:00 GMT' }, 30_000],
      [{ 'retry-after': 'Sat, 31 Jan 2026 05:00:00 GMT', date: 'Sat, 31 Jan 2026 06:00:00 GMT' }, undefined],
      [{ 'retry-after': 'soon' }, undefined],
    ] as const) {
      receiver.answer({ status: 503, headers });
      expect((await failure(deliver({ webhook: { url: receiver.url } }))).retryAfterMs).toBe(retryAfterMs);
    }
  });

  it('tells no secret in a failure', async () => {
    receiver.answer({ status: 500, body: 'wrong token t0ken-secret in /hook/very-secret' });
    const failed = await failure(
      deliver(
        { webhook: { url: { $env: 'HOOK' }, headers: { Authorization: { $env: 'TOKEN' } } } },
        { HOOK: `${receiver.url}/hook/very-secret`, TOKEN: 't0ken-secret' },
      ),
    );
    expect(failed.message).not.toContain('t0ken-secret');
    expect(failed.message).not.toContain('very-secret');
  });

  it('ends where the receiver does not answer in time', async () => {
    receiver.answer('hang');
    const send = await openChannel({ webhook: { url: receiver.url } }, {}, () => NOW);
    const failed = await failure(send(delivery, AbortSignal.timeout(50)));
    expect(failed).toMatchObject({ message: 'it did not answer in time', retryable: true });
  });
});

describe('Slack', () => {
  /** What https://docs.slack.dev/reference/block-kit/blocks says of header, section and context. */
  function refuseShape(payload: Record<string, unknown>): string[] {
    const wrong: string[] = [];
    const text = (value: unknown, limit: number, types: readonly string[]): void => {
      const { type, text: content } = value as { type: string; text: string };
      if (!types.includes(type)) wrong.push(`type ${type}`);
      if (typeof content !== 'string' || content.length < 1 || content.length > limit)
        wrong.push(`${type} of ${content.length}`);
      if (type === 'mrkdwn' && /<|>|&(?!amp;|lt;|gt;)/.test(content)) wrong.push(`not escaped: ${content}`);
    };
    if (typeof payload['text'] !== 'string') wrong.push('no text');
    const blocks = payload['blocks'] as Record<string, unknown>[];
    if (blocks.length > 50) wrong.push('too many blocks');
    for (const block of blocks) {
      if (block['type'] === 'header') text(block['text'], 150, ['plain_text']);
      else if (block['type'] === 'section') {
        const fields = block['fields'] as unknown[] | undefined;
        if (fields === undefined) text(block['text'], 3000, ['mrkdwn', 'plain_text']);
        else if (fields.length > 10) wrong.push('too many fields');
        else for (const field of fields) text(field, 2000, ['mrkdwn', 'plain_text']);
      } else if (block['type'] === 'context') {
        const elements = block['elements'] as unknown[];
        if (elements.length > 10) wrong.push('too many elements');
        for (const element of elements) text(element, 3000, ['mrkdwn', 'plain_text']);
      } else wrong.push(`block ${String(block['type'])}`);
    }
    return wrong;
  }

  it('gets blocks of the documented shape', async () => {
    const receiver = await httpReceiver();
    try {
      await deliver({ slack: { url: { $env: 'SLACK' } } }, { SLACK: `${receiver.url}/services/T0/B0/x` });
      const payload = JSON.parse(receiver.received[0]?.body ?? '') as Record<string, unknown>;
      expect(refuseShape(payload)).toEqual([]);
      expect(payload).toEqual({
        text: ':red_circle: nightly failed',
        blocks: [
          { type: 'header', text: { type: 'plain_text', text: ':red_circle: nightly failed', emoji: true } },
          { type: 'section', text: { type: 'mrkdwn', text: 'train: exit code 1 &lt;b&gt; &amp; "more"' } },
          { type: 'section', fields: [{ type: 'mrkdwn', text: `*Run*\n${delivery.runId}` }] },
          { type: 'context', elements: [{ type: 'mrkdwn', text: `healthcare/prod · ${delivery.id}` }] },
        ],
      });
    } finally {
      await receiver.close();
    }
  });

  it('never gets more than its limits, nor half an escape or half a character', () => {
    for (const filler of ['x', '&', '<!channel>', '😀']) {
      const long = filler.repeat(5000);
      const payload = slackMessage({
        ...delivery,
        message: {
          ...delivery.message,
          title: long,
          text: long,
          fields: Array.from({ length: 30 }, () => ({ name: long, value: long })),
        },
      }) as Record<string, unknown>;
      expect(refuseShape(payload)).toEqual([]);
      expect(JSON.stringify(payload)).not.toMatch(/\\ud[89ab][0-9a-f]{2}/i);
    }
  });
});

describe('mail', () => {
  let receiver: MailReceiver;
  beforeEach(async () => {
    receiver = await mailReceiver({ user: 'mlops', password: 'p@ss word' });
  });
  afterEach(() => receiver.close());
  const spec: ChannelSpec = {
    email: { smtp: { $env: 'SMTP' }, from: 'MLOps <mlops@example.com>', to: ['ada@example.com', 'bob@example.com'] },
  };
  const url = (password: string): Record<string, string> => ({
    SMTP: `smtp://mlops:${encodeURIComponent(password)}@127.0.0.1:${receiver.port}`,
  });

  it('goes to all recipients with a message id that stays the same', async () => {
    await deliver(spec, url('p@ss word'));
    await deliver(spec, url('p@ss word'));
    expect(receiver.mails).toHaveLength(2);
    const [first, second] = receiver.mails;
    expect(first).toMatchObject({
      from: 'mlops@example.com',
      to: ['ada@example.com', 'bob@example.com'],
      user: 'mlops',
    });
    expect(first?.source).toContain('Subject: nightly failed\r\n');
    expect(first?.source).toContain(`Message-ID: <${delivery.id}@mlops.invalid>`);
    expect(second?.source).toContain(`Message-ID: <${delivery.id}@mlops.invalid>`);
    expect(first?.source).toContain('Auto-Submitted: auto-generated');
    expect(first?.source).toContain('train: exit code 1 <b> & "more"');
  });

  it('does not let a title add headers', async () => {
    await deliver(spec, url('p@ss word'), {
      ...delivery,
      message: { ...delivery.message, title: 'a\r\nBcc: eve@example.com\r\n\r\nbody' },
    });
    expect(receiver.mails[0]?.to).toEqual(['ada@example.com', 'bob@example.com']);
    expect(receiver.mails[0]?.source.split('\r\n\r\n')[0]).not.toMatch(/^Bcc:/m);
  });

  it('is tried again after a passing refusal, and not after one for good; no failure tells the password', async () => {
    receiver.refuse(451, 'try later');
    expect(await failure(deliver(spec, url('p@ss word')))).toMatchObject({ retryable: true });
    receiver.refuse(550, 'no such user');
    expect(await failure(deliver(spec, url('p@ss word')))).toMatchObject({ retryable: false });
    const refused = await failure(deliver(spec, url('wrong-secret')));
    expect(refused).toMatchObject({ retryable: false });
    expect(refused.message).not.toContain('wrong-secret');
    expect(refused.message).toContain('535');
  });
});
