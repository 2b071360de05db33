/** A POST of a JSON text, and what its answer means for a delivery. */
import { DeliveryFailure } from '../delivery.ts';

/** Beside 5xx: the receiver was slow, busy or asks for patience. All other 4xx mean that it will never take this. */
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 409, 423, 425, 429]);
const ANSWER_CHARACTERS = 200;

export async function postJson(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  if (!/^https?:\/\//i.test(url))
    throw new DeliveryFailure('its address is not an http or https URL', { retryable: false });
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'mlops', ...headers },
      // A redirect would take the message, and the headers with it, where nobody meant them to go.
      redirect: 'manual',
      signal,
    });
  } catch (error) {
    throw new DeliveryFailure(reasonOf(error), { retryable: true });
  }
  if (response.ok) {
    await response.body?.cancel().catch(() => {});
    return;
  }
  const answer = (await response.text().catch(() => '')).replace(/\s+/g, ' ').trim().slice(0, ANSWER_CHARACTERS);
  const { status } = response;
  throw new DeliveryFailure(`it answered ${status}${answer === '' ? '' : `: ${answer}`}`, {
    retryable: status >= 500 || RETRYABLE_STATUSES.has(status),
    retryAfterMs: retryAfter(response),
  });
}

/** Seconds, or a date: how long that is from now the receiver's own clock says. */
function retryAfter({ headers }: Response): number | undefined {
  const asked = headers.get('retry-after');
  if (asked === null) return undefined;
  if (/^\d{1,6}$/.test(asked)) return Number(asked) * 1000;
  const delayMs = Date.parse(asked) - Date.parse(headers.get('date') ?? '');
  return Number.isFinite(delayMs) && delayMs > 0 ? delayMs : undefined;
}

/** The cause says what happened (`ECONNREFUSED`); the error itself only that it failed. */
function reasonOf(error: unknown): string {
  const { name, message, cause } = error as {
    name?: string;
    message?: string;
    cause?: { code?: string; message?: string };
  };
  if (name === 'TimeoutError') return 'it did not answer in time';
  return cause?.code ?? cause?.message ?? message ?? String(error);
}
