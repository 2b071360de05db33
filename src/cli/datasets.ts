/** Training sets that were made again, for people. */
import { table } from './output.ts';

export function rebuiltTable(
  made: readonly {
    readonly digest: string;
    readonly service: string;
    readonly rows: number;
    readonly equal: boolean;
    readonly stored: string;
  }[],
): string {
  return table(
    ['DIGEST', 'SERVICE', 'ROWS', 'REBUILT', 'STORED'],
    made.map(({ digest, service, rows, equal, stored }) => [
      digest.slice(0, 12),
      service,
      String(rows),
      equal ? 'equal' : 'DIFFERS',
      stored,
    ]),
  );
}
