/** What S3 or the way to it answers, told with a code. Errors of the SDK carry requests and with them signatures: none of it goes on, also not as a cause. */
import { MlopsError } from '../../lib/error.ts';

/** `s3://bucket/prefix at http://host:9000`. */
export interface S3Telling {
  readonly where: string;
}

interface Answer {
  readonly name: string;
  readonly message: string;
  /** Of HTTP; undefined where nothing answered. */
  readonly status: number | undefined;
}

const REFUSED_LOGIN: ReadonlySet<string> = new Set([
  'AccessDenied',
  'Forbidden',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'RequestTimeTooSkewed',
  'CredentialsProviderError',
]);

export function answerOf(error: unknown): Answer {
  const { name, message, $metadata } = error as {
    readonly name?: unknown;
    readonly message?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : String(error),
    status: $metadata?.httpStatusCode,
  };
}

export const isAbsent = (error: unknown): boolean => {
  const { name, status } = answerOf(error);
  return name !== 'NoSuchBucket' && (status === 404 || name === 'NoSuchKey' || name === 'NotFound');
};

/** Something is there already that a conditional write did not expect, or is being written at the same time. */
export const isTaken = (error: unknown): boolean => {
  const { name, status } = answerOf(error);
  return status === 412 || status === 409 || name === 'PreconditionFailed' || name === 'ConditionalRequestConflict';
};

/** The server knows no conditional writes. */
export const isUnknownCondition = (error: unknown): boolean => {
  const { name, status } = answerOf(error);
  return status === 501 || name === 'NotImplemented';
};

export function toldByS3(error: unknown, { where }: S3Telling): MlopsError {
  if (error instanceof MlopsError) return error;
  const { name, message, status } = answerOf(error);
  if (REFUSED_LOGIN.has(name) || status === 401 || status === 403)
    return new MlopsError('ST141', {
      detail: `The artifact store ${where} refuses the login${status === undefined ? '' : ` (${status} ${name})`}.`,
      hint:
        name === 'CredentialsProviderError'
          ? 'no credentials were found: set accessKeyId and secretAccessKey, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
          : 'check the keys, the clock of this machine, and that they may read, write, list and delete below the prefix',
    });
  if (name === 'NoSuchBucket' || (status === 404 && name === 'NotFound'))
    return new MlopsError('ST142', {
      detail: `The bucket of the artifact store ${where} does not exist.`,
      hint: 'make it, or name another',
    });
  if (/region is missing/i.test(message))
    return new MlopsError('ST143', {
      detail: `The artifact store ${where} has no region.`,
      hint: 'set region, or AWS_REGION',
    });
  if (status !== undefined && status < 500 && status !== 429)
    return new MlopsError('ST142', { detail: `The artifact store ${where} refuses a request (${status} ${name}).` });
  const reason = status === undefined ? unreached(name, message) : `${status} ${name}`;
  return new MlopsError('ST140', {
    detail: `The artifact store ${where} does not answer (${reason}).`,
    hint: 'see that it runs and can be reached from here; nothing has to be restarted when it is back',
    retryable: true,
  });
}

function unreached(name: string, message: string): string {
  const code = /\b(E[A-Z]{4,})\b/.exec(message)?.[1];
  if (code !== undefined) return code;
  return /time|abort/i.test(name) || /timed out/i.test(message) ? 'timeout' : name;
}
