/** The daemon's log on standard error: a line for people, or one JSON object a line. Secrets never reach it. */

export type LogLevel = 'info' | 'warn' | 'error';

export interface DaemonLog {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, error: unknown, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export function createDaemonLog(options: {
  readonly json: boolean;
  readonly write: (text: string) => void;
  readonly now: () => Date;
}): DaemonLog {
  const line = (level: LogLevel, message: string, fields: LogFields, stack?: string): void => {
    const at = options.now().toISOString();
    if (options.json) {
      options.write(`${JSON.stringify({ at, level, message, ...fields, ...(stack !== undefined && { stack }) })}\n`);
      return;
    }
    const rest = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${value}`)
      .join('');
    options.write(
      `${at.slice(11, 23)} ${level === 'info' ? '' : `${level} `}${message}${rest}\n${stack === undefined ? '' : `${stack}\n`}`,
    );
  };
  return {
    info: (message, fields = {}) => line('info', message, fields),
    warn: (message, fields = {}) => line('warn', message, fields),
    error: (message, error, fields = {}) =>
      line('error', `${message}: ${error instanceof Error ? error.message : String(error)}`, fields, stackOf(error)),
  };
}

function stackOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = error.cause instanceof Error ? `\n  caused by ${error.cause.stack ?? error.cause.message}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
