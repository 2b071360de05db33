/** Sources are what is recorded of them. Snapshots taken of a source stay when it goes: training sets and models refer to them. */
import { type Handler, recordOnly } from './handler.ts';

export const sourceHandler: Handler<'source'> = recordOnly();
