/**
 * Sources are what is recorded of them, with the columns that their files had. Snapshots taken of a source stay when it goes:
 * training sets and models refer to them.
 */
import type { Handler } from './handler.ts';

export const sourceHandler: Handler<'source'> = {
  put: async (_source, _context, observed) => observed,
  remove: async () => {},
};
