/** Entities are what is recorded of them. Their keys enter the structure of each feature set that is registered. */
import { type Handler, recordOnly } from './handler.ts';

export const entityHandler: Handler<'entity'> = recordOnly();
