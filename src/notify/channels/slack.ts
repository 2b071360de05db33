/**
 * Slack's incoming webhook. What a message may hold: a header of 150 characters, sections of 3,000, ten fields a section
 * of 2,000 each, fifty blocks; `text` is what a notification on the phone shows. https://docs.slack.dev/reference/block-kit/blocks
 */
import { resolveEnv } from '../../lib/secret.ts';
import type { SlackSpec } from '../../spec/schema-types.ts';
import type { NotificationMessage } from '../../stores/control/notifications.ts';
import type { Deliver, Delivery } from '../delivery.ts';
import { postJson } from './post-json.ts';

const HEADER_CHARACTERS = 150;
const SECTION_CHARACTERS = 3_000;
const FIELDS = 10;
const FIELD_CHARACTERS = 2_000;
const SYMBOLS: Readonly<Record<NotificationMessage['severity'], string>> = {
  error: ':red_circle:',
  warning: ':large_orange_circle:',
  success: ':large_green_circle:',
  info: ':information_source:',
};

export function slack(spec: SlackSpec, variables: Readonly<Record<string, string | undefined>>): Deliver {
  const url = resolveEnv(spec.url, variables);
  return (delivery, signal) => postJson(url, JSON.stringify(slackMessage(delivery)), {}, signal);
}

export function slackMessage({ message, project, environment, id }: Delivery): object {
  const title = `${SYMBOLS[message.severity]} ${message.title}`;
  const fields = message.fields.slice(0, FIELDS).map(({ name, value }) => ({
    type: 'mrkdwn',
    text: `*${cut(escaped(name), 200)}*\n${cut(escaped(value), FIELD_CHARACTERS - 210)}`,
  }));
  return {
    text: cut(escaped(title), SECTION_CHARACTERS),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cut(title, HEADER_CHARACTERS), emoji: true } },
      ...(message.text === ''
        ? []
        : [{ type: 'section', text: { type: 'mrkdwn', text: cut(escaped(message.text), SECTION_CHARACTERS) } }]),
      ...(fields.length === 0 ? [] : [{ type: 'section', fields }]),
      {
        type: 'context',
        elements: [
          { type: 'mrkdwn', text: cut(`${escaped(project)}/${escaped(environment)} · ${id}`, SECTION_CHARACTERS) },
        ],
      },
    ],
  };
}

/** The three characters that Slack's text gives a meaning; names and errors must not mention people or make links. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** By characters, never within one, nor within an escape. */
function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const kept = text.slice(0, limit - 1).replace(/&[a-z]{0,3}$/, '');
  return `${kept.replace(/[\uD800-\uDBFF]$/, '')}…`;
}
